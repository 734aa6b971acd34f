"""The standard debugger in a patched program: in green threads, in tasks, over the whole program, and by pid."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.child import WARNINGS, environment

import greenrt

PROGRAM = """
from greenrt import monkey
monkey.patch_all()
import asyncio, sys, threading, time

def work(number):
    doubled = number * 2
    if BREAK:
        breakpoint()
    time.sleep(0.01)
    results.append(doubled)

async def main():
    await asyncio.sleep(0.01)
    if BREAK:
        breakpoint()
    await asyncio.sleep(0.01)
    results.append("task")

BREAK = "break" in sys.argv
results = []
thread = threading.Thread(target=work, args=(4,))
thread.start()
thread.join()
asyncio.run(main())
print("results", results)
"""


# In a program that pdb starts, CPython 3.14 stops only in the main thread.
IN_TASK = PROGRAM.splitlines().index('    results.append("task")') + 1


@pytest.mark.parametrize(
    ("options", "arguments", "commands"),
    [
        ((), ("break",), "p doubled * 1000\nimport time; time.sleep(0.01)\nn\nc\np results\nn\nn\nc\n"),
        (("-m", "pdb"), (), f"n\nn\nn\np 1000 * 8\nb {IN_TASK}\nc\np results\ncl 1\nc\nq\n"),
    ],
    ids=["breakpoint()", "python -m pdb"],
)
def test_steps_in_a_green_thread_and_in_a_task(
    options: tuple[str, ...], arguments: tuple[str, ...], commands: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, *options, str(program), *arguments],
        cwd=tmp_path,
        env=environment(),
        input=commands,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # The results of the first command and of the one in the task; then the program runs to its end.
    for expected in "(Pdb) 8000\n", "(Pdb) [8]\n", "results [8, 'task']\n":
        assert expected in done.stdout, done.stdout
    assert done.stderr == ""


ASKED = """
from greenrt import monkey
monkey.patch_all()
import signal, sys, threading, time

def work():
    while not found:
        time.sleep(0.001)

found = []
handled = []
signal.signal(signal.SIGUSR1, lambda number, frame: handled.append(number))
thread = threading.Thread(target=work)
thread.start()
print("begun", flush=True)
while not found or HANDLER and not handled:
    time.sleep(0.001)
thread.join()
frame, seconds, current = found[0]
# The greenlet that calls the handler may be the next one.
in_program = frame in ("<module>", "work", "_call_next" if HANDLER else "work")
print("in the program" if in_program else frame, current is not None, seconds >= 0.01)
"""

SCRIPT = """
import __main__, sys, threading, time
began = time.monotonic()
frame = sys._getframe(1)
time.sleep(0.01)
__main__.found.append((frame.f_code.co_name, time.monotonic() - began, threading.current_thread()))
"""


@pytest.mark.skipif(not hasattr(sys, "remote_exec"), reason="needs sys.remote_exec: CPython 3.14")
@pytest.mark.skipif(
    greenrt.__build__ != "compiled", reason="in the plain build the script may interrupt the hub"
)
@pytest.mark.parametrize("handler", [False, True], ids=["", "a signal at the same time"])
def test_a_script_of_another_process_may_wait(handler: bool, tmp_path: Path) -> None:
    """`python -m pdb -p` is such a script. While it is sent, all greenlets wait and the hub runs."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with subprocess.Popen(
        [sys.executable, *WARNINGS, "-c", ASKED.replace("HANDLER", str(handler))],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as target:
        try:
            assert target.stdout is not None
            assert target.stdout.readline() == "begun\n"
            sys.remote_exec(target.pid, str(script))
            if handler:
                target.send_signal(signal.SIGUSR1)
            assert target.communicate(timeout=30)[0] == "in the program True True\n"
        finally:
            target.kill()
    assert target.returncode == 0
