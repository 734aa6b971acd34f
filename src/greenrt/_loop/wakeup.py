"""How a sleeping loop is woken: by another thread through an eventfd, by a signal through a pipe."""

import os

from greenrt import _original
from greenrt._native.aside import set_aside
from greenrt._native.ping import ping
from greenrt._typing import Any

__all__ = ["SignalWakeup", "Wakeup"]


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    return set_aside(ends[0]), set_aside(ends[1])


class Wakeup:
    """An eventfd(2) where there is one, else a pipe. `send` may be called by any thread and signal handler."""

    __slots__ = ("_senders", "fd", "sent", "write_fd")

    def __init__(self) -> None:
        # One item for each `send` underway: a closed fd's number may be another file's by the time of the write.
        self._senders: list[None] = []
        self.sent = 0
        if hasattr(os, "eventfd"):
            self.fd = self.write_fd = set_aside(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))
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
        # Who is in `send` has the fd still. Not for ever: this thread itself may be, in a frame below.
        for _ in range(100):
            if not self._senders or not await_senders:
                break
            _original.sleep(0.001)
        _original.close(read_fd)
        if write_fd != read_fd:
            _original.close(write_fd)


class SignalWakeup:
    """The pipe into which CPython writes a byte for each signal that has a Python handler.

    An eventfd does not do here: CPython writes one byte, an eventfd wants eight. Main thread only
    (signal.set_wakeup_fd). A wakeup fd that the program had set before gets each byte too, and is set again by
    `close`.
    """

    def __init__(self) -> None:
        # Each called once, without arguments, when the next signals have come. Handlers may still be about to run.
        self.listeners: list[Any] = []
        self.fd, self._write_fd = _pipe()
        self._previous = _original.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)

    def drain(self) -> None:
        """Read what has been written, tell the listeners, and pass it on to the wakeup fd set before ours."""
        try:
            while data := _original.read(self.fd, 4096):
                while self.listeners:
                    self.listeners.pop(0)()
                if self._previous >= 0:
                    _original.write(self._previous, data)
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Set the previous wakeup fd again, unless the program set another one since; idempotent."""
        if self.fd < 0:
            return
        current = _original.set_wakeup_fd(self._previous, warn_on_full_buffer=False)
        if current != self._write_fd:
            _original.set_wakeup_fd(current, warn_on_full_buffer=False)
        _original.close(self.fd)
        _original.close(self._write_fd)
        self.fd = self._write_fd = -1
