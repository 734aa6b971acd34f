"""greenrt's own native threads block all signals; user code in them has the program's signal mask."""

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.child import run_script

from greenrt import _original
from greenrt._native.helper import Pause, admit_signals, refuse_signals, start_helper

FAULTS = {
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGABRT,
    signal.SIGSYS,
    signal.SIGTRAP,
}


def blocked() -> set[Any]:
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_helper_blocks_all_but_faults_and_the_starter_what_it_did() -> None:
    seen: list[set[Any]] = []
    done = threading.Event()

    def help_(*args: Any) -> None:
        seen.append(blocked())
        admit_signals()
        seen.append(blocked())
        refuse_signals()
        seen.append(blocked())
        assert args == (1, 2)
        done.set()

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        mine = blocked()
        start_helper(help_, (1, 2))
        assert done.wait(10)
        assert blocked() == mine
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    shut, open_, again = seen
    assert shut == again
    assert open_ == mine
    assert shut.isdisjoint(FAULTS)
    assert shut >= {signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM, signal.SIGCHLD, signal.SIGRTMAX}


def test_the_starters_mask_is_given_back_when_there_is_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_original, "start_new_thread", refuse)
    mine = blocked()
    with pytest.raises(RuntimeError):
        start_helper(print, ())
    assert blocked() == mine


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_a_signal_that_the_program_blocks_in_its_own_threads_ends_no_process() -> None:
    _, errors = run_script("""
import os, signal, subprocess, sys, threading
import greenrt
from greenrt.green import os as green_os, signal as green_signal

hub = greenrt.get_hub()
pool = greenrt.ThreadPool(3)
asleep = threading.Event()
pool.map(lambda _: None, range(3))
# A child for which a native thread waits, a file that one checks, a host name that one looks up.
child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
watcher = hub.loop.stat("/", 0.01)
watcher.start(print)
hub.threadpool.apply(len, ("",))
waiting = greenrt.spawn(green_os.waitpid, child.pid, 0)
greenrt.sleep(0.05)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
mine = str(threading.get_native_id())
others = [thread for thread in os.listdir("/proc/self/task") if thread != mine]
assert len(others) >= 4, others
# The default action of SIGUSR1 ends the process. Only this thread may get it, and it blocks the signal.
for _ in range(100):
    os.kill(os.getpid(), signal.SIGUSR1)
    assert green_signal.sigwait([signal.SIGUSR1]) == signal.SIGUSR1
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
watcher.close()
child.stdin.close()
child.returncode = waiting.get()[1]
pool.kill()
""")
    assert errors == ""


def test_a_child_that_a_pools_thread_starts_can_be_terminated() -> None:
    _, errors = run_script("""
import signal, subprocess
import greenrt
pool = greenrt.ThreadPool(1)
child = pool.apply(subprocess.Popen, (["/bin/sleep", "30"],))
child.terminate()
assert child.wait() == -signal.SIGTERM
pool.kill()
""")
    assert errors == ""


def test_a_pause_ends_by_itself_or_by_another_thread() -> None:
    pause = Pause()
    began = time.monotonic()
    assert pause.wait(0.01)
    assert pause.over_at >= began + 0.01
    other = threading.Timer(0.01, pause.end)
    other.start()
    assert not pause.wait(60)
    other.join()
    assert pause.wait(0.01)
    pause.end()
    pause.end()
    assert not pause.wait(60)
    assert pause.wait(0.01)


def wait_for_the_gil_after_a_pause() -> float:
    """Return for how long a thread waits for the GIL after its pause, in seconds."""
    pauses: list[tuple[float, float]] = []
    pause = Pause()

    def rest() -> None:
        pause.wait(0.1)
        pauses.append((pause.over_at, time.monotonic()))

    thread = threading.Thread(target=rest)
    thread.start()
    time.sleep(0.01)
    # Keeps the GIL, and uses processor time.
    sum(range(30_000_000))
    thread.join()
    ((over_at, now),) = pauses
    return now - over_at


def test_a_pause_measures_without_the_gil() -> None:
    # On a busy machine, the pause may be over before the GIL is taken.
    assert any(wait_for_the_gil_after_a_pause() > 0.05 for _ in range(5))
