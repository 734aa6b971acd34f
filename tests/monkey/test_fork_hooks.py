"""Patched: in the child of a fork, no greenlet of the parent runs, not even during other at-fork hooks."""

import pytest
from support.child import run_script

SCRIPT = """
import os, threading, time
from greenrt import monkey
monkey.patch_all()
# Each takes a lock, as the hooks of threading and logging do, and waits so long that a turn is due.
lock = threading.Lock()
def hook():
    time_is_up = time.perf_counter() + 0.05
    while time.perf_counter() < time_is_up:
        with lock:
            pass
os.register_at_fork(before=hook, after_in_child=hook)

ran_in = set()
def other():
    while True:
        ran_in.add(os.getpid())
        time.sleep(0)
threading.Thread(target=other, daemon=True).start()

def fork():
    child = os.fork()
    if not child:
        os._exit(os.getpid() in ran_in)
    assert os.waitpid(child, 0)[1] == 0
    # Here the greenlets run. On a busy machine, the hook may get no processor before its time is up.
    ran_in.clear()
    while ran_in != {os.getpid()}:
        hook()
thread = threading.Thread(target=fork)
thread.start()
thread.join()
fork()
print("done")
"""


def test_no_greenlet_of_the_parent_runs() -> None:
    output, _ = run_script(SCRIPT)
    assert output == "done\n"


@pytest.mark.parametrize("function", ["fork", "forkpty"])
def test_a_fork_whose_warning_is_an_error_loses_nothing(function: str) -> None:
    """From CPython 3.15 on, os.fork raises in the parent in this case, though the child exists."""
    run_script(
        """
        import os, sys, threading, time, warnings
        from greenrt import monkey
        monkey.patch_all()
        import greenrt
        # A native thread, about which the interpreter warns.
        assert greenrt.get_hub().threadpool.apply(abs, (-1,)) == 1
        warnings.simplefilter("error")
        turns = []
        thread = threading.Thread(target=lambda: [turns.append(time.sleep(0.001)) for _ in range(20)])
        thread.start()
        reader, writer = os.pipe()
        try:
            pid = getattr(os, sys.argv[1])()
            if sys.argv[1] == "forkpty":
                pid = pid[0]
        except DeprecationWarning as warning:
            assert sys.version_info >= (3, 12) and "multi-threaded" in str(warning)
            pid = None
        if pid == 0:
            time.sleep(0.001)
            greenrt.spawn(os.write, writer, b"lives").join()
            os._exit(7)
        assert os.read(reader, 10) == b"lives"
        found, status = os.wait()
        assert found == (pid or found) and os.waitstatus_to_exitcode(status) == 7
        thread.join()
        assert len(turns) == 20 and greenrt.get_hub().threadpool.apply(abs, (-2,)) == 2
        """,
        function,
    )


IMPORT_LOCK = """
import _imp, os, sys, threading, time
from greenrt import monkey
monkey.patch_all()
import greenrt

held, go = threading.Event(), threading.Event()
def importer():
    _imp.acquire_lock()
    _imp.acquire_lock()
    sys.modules["made_in_two_steps"] = 1
    held.set()
    go.wait()
    _imp.release_lock()
    time.sleep(0.01)
    sys.modules["made_in_two_steps"] = 2
    _imp.release_lock()

def forked():
    child = os.fork()
    if not child:
        # Also if a pending kill takes effect here, as it does in the parent.
        try:
            with_lock = _imp.lock_held()
            import colorsys
        finally:
            os._exit(sys.modules["made_in_two_steps"] + 10 * with_lock)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def run(expected, act=lambda forking: go.set()):
    held.clear(), go.clear()
    thread = threading.Thread(target=importer)
    thread.start()
    held.wait()
    forking = greenrt.spawn(forked)
    time.sleep(0.01)
    act(forking)
    assert forking.get(timeout=20) == expected, forking.get()
    go.set()
    thread.join()
"""


def test_a_fork_waits_for_the_import_lock_of_other_green_threads() -> None:
    run_script(
        IMPORT_LOCK
        + """
run(2)
# Its own lock does not matter.
_imp.acquire_lock()
assert forked() == 12
_imp.release_lock()
assert not _imp.lock_held()
"""
    )


def test_a_kill_meanwhile_takes_effect_after_the_fork() -> None:
    run_script(
        IMPORT_LOCK
        + """
try:
    run(2, lambda forking: forking.kill(ValueError("killed"), block=False))
except ValueError:
    pass
else:
    raise AssertionError("the kill is lost")
assert _imp.lock_held()
go.set()
"""
    )
