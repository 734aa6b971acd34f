"""Native threads that live beside the program: none is there at a fork, and the child gets its own."""

import os
import threading
import time

import pytest
from support.child import run_script

import greenrt
from greenrt._hub import resident
from greenrt._hub.resident import Resident


class Counted:
    """Counts what its thread does."""

    def __init__(self) -> None:
        self.begun = self.ended = self.renewed = 0
        self.end = threading.Event()
        self.running = threading.Event()
        self.native_id = 0
        self.thread = Resident(self._body, self.end.set, self._renew)

    def _body(self) -> None:
        self.begun += 1
        self.native_id = threading.get_native_id()
        self.running.set()
        self.end.wait()
        self.end.clear()
        self.ended += 1

    def _renew(self) -> None:
        self.renewed += 1


def test_start_and_stop_are_idempotent() -> None:
    counted = Counted()
    for _ in range(2):
        counted.thread.start()
    assert counted.running.wait(10)
    for _ in range(2):
        counted.thread.stop()
    assert (counted.begun, counted.ended) == (1, 1)
    assert counted.thread not in resident._residents


def test_a_failed_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    counted = Counted()
    monkeypatch.setattr(resident, "start_helper", refuse)
    with pytest.raises(RuntimeError):
        counted.thread.start()
    monkeypatch.undo()
    counted.thread.start()
    counted.thread.stop()
    assert counted.ended == 1


def test_it_is_gone_while_the_process_forks() -> None:
    """It is gone for the kernel too, whose threads CPython counts when it warns."""
    counted = Counted()
    counted.thread.start()
    try:
        assert counted.running.wait(10)
        native_id = counted.native_id
        tasks = {"before": os.listdir("/proc/self/task")}
        resident._before_fork()
        # Others may come and go: residents, and threads of other tests.
        tasks["at the fork"] = os.listdir("/proc/self/task")
        resident._after_fork_in_parent()
        # Some versions of CPython still count the threads after the hooks: the next turn starts the thread there.
        greenrt.sleep(0.001)
        assert counted.begun == 2
    finally:
        counted.thread.stop()
    assert [moment for moment, ids in tasks.items() if str(native_id) in ids] == ["before"]
    assert counted.renewed == 0


def test_the_child_of_a_fork_has_its_own() -> None:
    out, _ = run_script(
        """
        import os, sys
        from hub.test_resident import Counted
        counted = Counted()
        counted.thread.start()
        pid = os.fork()
        counted.running.wait()
        if not pid:
            counted.thread.stop()
            print(counted.renewed, counted.ended, flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        # The end of the interpreter stops it.
        import atexit
        atexit.register
        """
    )
    assert out == "1 2\n"


def test_a_thread_that_does_not_end_in_time_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be in a call of C. A fork must not wait for it for ever."""
    monkeypatch.setattr(resident, "END_SECONDS", 0.05)
    released = threading.Event()
    inside = threading.Event()
    seen: list[bool] = []

    def body() -> None:
        inside.set()
        released.wait()
        seen.append(thread.halting)

    thread = Resident(body, lambda: None, lambda: None)
    thread.start()
    assert inside.wait(10)
    thread.stop()
    inside.clear()
    thread.start()
    assert inside.wait(10)
    released.set()
    deadline = time.monotonic() + 20
    while len(seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    # The first shall end, and the second not.
    assert sorted(seen) == [False, True]
    thread.stop()
