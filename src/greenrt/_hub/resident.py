"""Resident: a native thread of greenrt's own that lives beside the program, such as the watchdog.

There is no such thread while the process forks: CPython 3.12 and later warn of a fork in a process with several
threads, and the child would lack the thread. Nor is there one while the interpreter is finalized: until CPython 3.13,
a thread that asks for the GIL then is unwound.
"""

import atexit
import os
import sys
from collections.abc import Callable

from greenrt import _atfork, _original
from greenrt._deadline import Deadline
from greenrt._hub.current_hub import at_next_turn
from greenrt._hub.deadlock import idle_threads
from greenrt._native.helper import start_helper
from greenrt._typing import Any

__all__ = ["END_SECONDS", "Resident", "wait_until_gone"]

# How long (seconds) a fork and the end of the interpreter wait for the end of such a thread, and then until the
# kernel has removed the thread, which CPython counts.
END_SECONDS = 5.0

# CPython 3.13 and 3.14.0 count the threads after the hooks of the parent, and so see a thread that these start.
COUNTS_LATE = sys.version_info[:2] == (3, 13) or sys.version_info[:3] == (3, 14, 0)

_residents: list["Resident"] = []

# Held while threads start and stop, and from the first step of a fork to the last.
_lock = _original.RLock()

_at_exit: list[Any] = []


class Resident:
    """A native thread that calls ``body()`` from `start` to `stop`, but for forks. Any thread may call the methods.

    Patching, `threading` and the detection of deadlocks do not see the thread. The child of a fork gets its own.

    Arguments: `body`, a function that returns soon after ``interrupt()`` was called; `renew`, a function that the
    child of a fork calls before it starts its thread.

    `interrupt` may be called before `body` has begun. A thread that does not end in time, for example because of a
    call in C, is replaced all the same.
    """

    def __init__(
        self, body: Callable[[], object], interrupt: Callable[[], object], renew: Callable[[], object]
    ) -> None:
        self._body = body
        self._interrupt = interrupt
        self._renew = renew
        # The thread holds this lock for as long as it lives. Each thread has another one.
        self._life = _original.allocate_lock()
        self._thread = 0
        self._native_id = 0
        self._halted = True

    @property
    def halting(self) -> bool:
        """Whether the calling thread, which runs `body`, shall end."""
        return self._halted or self._thread != _original.get_ident()

    def start(self) -> None:
        """Start the thread. Raises RuntimeError if the system has no more threads."""
        with _lock:
            if self not in _residents:
                if not _at_exit:
                    _at_exit.append(atexit.register(_stop_all))
                self._launch()
                _residents.append(self)

    def stop(self) -> None:
        """End the thread, and wait for its end; idempotent."""
        with _lock:
            if self in _residents:
                _residents.remove(self)
                self._halt()

    def _launch(self) -> None:
        if not self._halted:
            # It lives.
            return
        started = _original.allocate_lock()
        started.acquire()
        life = self._life = _original.allocate_lock()
        life.acquire()
        self._thread = 0
        self._halted = False
        try:
            start_helper(self._run, (started, life))
        except BaseException:
            self._halted = True
            life.release()
            raise
        started.acquire()

    def _run(self, started: Any, life: Any) -> None:
        ident = self._thread = _original.get_ident()
        self._native_id = _original.get_native_id()
        idle_threads.add(ident)
        started.release()
        try:
            self._body()
        finally:
            idle_threads.discard(ident)
            life.release()

    def _halt(self) -> None:
        if self._halted:
            # The thread has not been started again since a fork.
            return
        self._halted = True
        self._interrupt()
        # The thread itself may stop, and can't wait for its own end.
        if self._thread != _original.get_ident() and self._life.acquire(timeout=END_SECONDS):
            self._life.release()
            wait_until_gone(self._native_id)

    def _begin_in_child(self) -> None:
        self._renew()
        self._launch()


def wait_until_gone(native_id: int) -> None:
    """Wait until the kernel has removed a thread that has run its last line."""
    path = f"/proc/self/task/{native_id}"
    deadline = Deadline(END_SECONDS)
    while os.path.exists(path) and deadline.left():
        _original.sleep(0.0001)


def _stop_all() -> None:
    for resident in _residents.copy():
        resident.stop()


def _before_fork() -> None:
    _lock.acquire()
    for resident in _residents:
        resident._halt()


def _after_fork_in_parent() -> None:
    try:
        if COUNTS_LATE and _residents:
            at_next_turn(_launch_all)
        else:
            _launch_all()
    finally:
        _lock.release()


def _after_fork_in_child() -> None:
    try:
        _go_on(Resident._begin_in_child)
    finally:
        _lock.release()


def _launch_all() -> None:
    with _lock:
        _go_on(Resident._launch)


def _go_on(step: Callable[[Resident], None]) -> None:
    for resident in _residents.copy():
        try:
            step(resident)
        except RuntimeError:
            # The system has no more threads.
            _residents.remove(resident)


_atfork.register(_atfork.BEFORE, _before_fork)
_atfork.register(_atfork.PARENT, _after_fork_in_parent)
_atfork.register(_atfork.YIELDING, _after_fork_in_child)
