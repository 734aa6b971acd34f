"""Patched, sys._current_frames() has a frame for each thread of threading.enumerate(), as in any program."""

from support.child import run_script

PROGRAM = """
import sys, threading
leave = threading.Event()
def outer():
    inner()
def inner():
    leave.wait()
def names_of(frame):
    names = []
    while frame is not None:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names
def look():
    frames = sys._current_frames()
    assert set(frames) == {thread.ident for thread in threading.enumerate()}, frames
    return {thread.name: names_of(frames[thread.ident]) for thread in threading.enumerate()}
def main():
    threads = [threading.Thread(target=outer, name=f"one{number}") for number in range(3)]
    for thread in threads:
        thread.start()
    seen = []
    looking = threading.Thread(target=lambda: seen.append(look()), name="looking")
    looking.start()
    looking.join()
    seen.append(look())
    leave.set()
    for thread in threads:
        thread.join()
    for found in seen:
        for number in range(3):
            stack = found[f"one{number}"]
            assert stack[stack.index("inner") + 1] == "outer", stack
        assert found["MainThread"][-2:] == ["main", "<module>"], found
    assert seen[0]["looking"][0] == "look", seen[0]
    assert {"start", "join"} & set(seen[0]["MainThread"]), seen[0]
    assert seen[1]["MainThread"][0] == "look", seen[1]
    assert list(sys._current_frames()) == [threading.get_ident()]
"""


def test_as_in_an_unpatched_program() -> None:
    run_script(PROGRAM + "main()")
    run_script("from greenrt import monkey\nmonkey.patch_all()" + PROGRAM + "main()")
