"""How a sleeping loop is woken: by another thread through an eventfd, by a signal through a pipe."""

import os
from collections.abc import Callable

from greenrt import _original
from greenrt._native.high_fds import move_high, release
from greenrt._native.ping import ping
from greenrt._typing import Any

__all__ = ["SignalWakeup", "Wakeup"]

# How many items `Wakeup._senders` has while no thread sends.
IDLE = 8


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    try:
        for end in ends:
            os.set_blocking(end, False)
    except BaseException:
        for end in ends:
            release(end)
        raise
    return move_high(ends[0]), move_high(ends[1])


class Wakeup:
    """An eventfd(2) where there is one, else a pipe. `send` may be called by any thread and signal handler."""

    __slots__ = ("_senders", "fd", "sent", "write_fd")

    def __init__(self) -> None:
        # One item for each `send` underway: a closed fd's number may be another file's by the time of the write.
        # More than none, and made with room: `send` must not need memory.
        self._senders: list[None] = [None] * (2 * IDLE)
        del self._senders[IDLE:]
        self.sent = 0
        if hasattr(os, "eventfd"):
            self.fd = self.write_fd = move_high(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))
        else:
            self.fd, self.write_fd = _pipe()

    def send(self) -> None:
        """Make `fd` readable."""
        self.sent += 1
        self._senders.append(None)
        try:
            fd = self.write_fd
            if fd >= 0:
                ping(fd)
        finally:
            self._senders.pop()

    def drain(self) -> None:
        """Make `fd` unreadable until the next `send`."""
        try:
            while len(_original.read(self.fd, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass

    def close(self, await_senders: bool = True) -> None:
        """Close the fds; idempotent. `await_senders`: not in the child of a fork, where they do not exist."""
        read_fd, write_fd = self.fd, self.write_fd
        if read_fd < 0:
            return
        self.fd = self.write_fd = -1
        # A thread in `send` has the fd still. Not for ever: this thread itself may be, in a frame below.
        for _ in range(100):
            if len(self._senders) == IDLE or not await_senders:
                break
            _original.sleep(0.001)
        for fd in {read_fd, write_fd}:
            release(fd)


class SignalWakeup:
    """The pipe that signals make readable while the loop sleeps; main thread only.

    CPython writes a byte for each signal that has a Python handler to one fd (signal.set_wakeup_fd), and that is the
    program's: ours takes its place only for as long as the loop sleeps, or someone listens, and passes on what came.
    So the program may set and unset its own at any time, and gets the right fd back. An eventfd does not do here:
    CPython writes one byte, an eventfd wants eight.
    """

    __slots__ = ("_armed", "_listeners", "_program_fd", "_write_fd", "fd")

    def __init__(self) -> None:
        self._listeners: list[Any] = []
        self._armed = False
        self._program_fd = -1
        self.fd, self._write_fd = _pipe()

    def arm(self) -> None:
        """Have the next signals make `fd` readable."""
        if self._armed:
            return
        program_fd = _original.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        # It is ours already where a handler has raised in the middle of `disarm`; passed on to itself, a signal
        # would never be read to its end.
        if program_fd != self._write_fd:
            self._program_fd = program_fd
        self._armed = True

    def disarm(self) -> None:
        """Give the program its place back, unless a loop listens."""
        if not self._armed:
            return
        # Now: the program may close its fd as soon as it has it back.
        self.drain()
        if self._listeners:
            return
        self._armed = False
        # CPython does not say whether the program wanted warnings of a full pipe: it gets none.
        try:
            replaced = _original.set_wakeup_fd(self._program_fd, warn_on_full_buffer=False)
        except (OSError, ValueError):
            # The program has closed it.
            replaced = _original.set_wakeup_fd(-1)
        if replaced != self._write_fd:
            # A handler in the sleep has set another one.
            _original.set_wakeup_fd(replaced, warn_on_full_buffer=False)

    def listen(self, listener: Callable[[], object]) -> None:
        """Have `listener` called once, when the next signals have come. Handlers may still be about to run then."""
        self._listeners.append(listener)
        self.arm()

    def ignore(self, listener: Callable[[], object]) -> None:
        """Call `listener` no more. Due after each `listen`, whether it was called or not."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        self.disarm()

    def drain(self) -> None:
        """Read what has been written, tell the listeners, and pass it on to the program's fd."""
        try:
            while data := _original.read(self.fd, 4096):
                while self._listeners:
                    self._listeners.pop(0)()
                self._pass_on(data)
        except OSError:
            # Empty. Or closed by the program, which the loop notices.
            pass

    def _pass_on(self, data: bytes) -> None:
        if self._program_fd < 0:
            return
        try:
            _original.write(self._program_fd, data)
        except OSError:
            # Full: its reader learns of signals anyway. Or closed by another thread in the sleep.
            pass

    def close(self) -> None:
        """Close the pipe; idempotent."""
        if self.fd < 0:
            return
        self._listeners.clear()
        self.disarm()
        release(self.fd)
        release(self._write_fd)
        self.fd = self._write_fd = -1
