"""Wake-ups of a sleeping loop: by another thread through an eventfd, by a signal through a pipe."""

import os
from collections.abc import Callable

from greenrt import _original
from greenrt._native.high_fds import move_high, release
from greenrt._native.ping import ping
from greenrt._typing import Any

__all__ = ["SignalWakeup", "Wakeup"]

# The length of `Wakeup._senders` while no thread is in `send`.
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
    """An eventfd(2), or a pipe on systems without it. Any thread and signal handler may call `send`.

    Argument: `pipe`, whether to use a pipe in any case. By fstat(2), pipes can be told apart; eventfds are all alike.

    `fd` is the descriptor to poll; -1 once it is closed. `sent` counts the calls of `send`.
    """

    __slots__ = ("_senders", "fd", "sent", "write_fd")

    def __init__(self, pipe: bool = False) -> None:
        # One additional item for each thread in `send`. `close` waits for these threads: the number of a closed fd
        # may belong to another file by the time of their write. The list is made with spare room, and never empty,
        # since `send` must not need memory.
        self._senders: list[None] = [None] * (2 * IDLE)
        del self._senders[IDLE:]
        self.sent: int = 0
        self.fd: int = -1
        self.write_fd: int = -1
        if hasattr(os, "eventfd") and not pipe:
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
        """Close the fds; idempotent.

        await_senders: whether to wait for threads in `send`; false in the child of a fork, where they do not exist.
        """
        read_fd, write_fd = self.fd, self.write_fd
        if read_fd < 0:
            return
        self.fd = self.write_fd = -1
        # A thread in `send` still uses the fd. The wait is bounded, since a frame below this one may be in `send`.
        for _ in range(100):
            if len(self._senders) == IDLE or not await_senders:
                break
            _original.sleep(0.001)
        for fd in {read_fd, write_fd}:
            release(fd)


class SignalWakeup:
    """The pipe that signals make readable while the loop sleeps. Main thread only.

    For each signal with a Python handler, CPython writes a byte to one fd (signal.set_wakeup_fd), which belongs to
    the program. Our fd replaces it only while the loop sleeps or has listeners, and `drain` forwards the bytes. So
    the program may set and unset its own fd at any time, and gets the right fd back. An eventfd does not work here:
    CPython writes one byte, and an eventfd requires eight.

    `fd` is the descriptor to poll; -1 once it is closed.
    """

    __slots__ = ("_armed", "_listeners", "_program_fd", "_write_fd", "fd")

    def __init__(self) -> None:
        self._listeners: list[Any] = []
        self._armed = False
        self._program_fd = -1
        self.fd: int = -1
        self._write_fd = -1
        self.fd, self._write_fd = _pipe()

    def arm(self) -> None:
        """Make the next signals make `fd` readable."""
        if self._armed:
            return
        program_fd = _original.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        # The fd is ours already if a handler has raised in the middle of `disarm`. Then it must not be stored:
        # `drain` would forward the bytes to our own pipe without end.
        if program_fd != self._write_fd:
            self._program_fd = program_fd
        self._armed = True

    def disarm(self) -> None:
        """Restore the program's fd, unless there are listeners."""
        if not self._armed:
            return
        # First forward the bytes: the program may close its fd as soon as it is restored.
        self.drain()
        if self._listeners:
            return
        self._armed = False
        # CPython does not report whether the program wanted warnings for a full pipe, so it gets none.
        try:
            replaced = _original.set_wakeup_fd(self._program_fd, warn_on_full_buffer=False)
        except (OSError, ValueError):
            # The program has closed it.
            replaced = _original.set_wakeup_fd(-1)
        if replaced != self._write_fd:
            # A handler has set another fd during the sleep.
            _original.set_wakeup_fd(replaced, warn_on_full_buffer=False)

    def listen(self, listener: Callable[[], object]) -> None:
        """Call `listener` once, when the next signals have arrived. Their handlers may not have run by then."""
        self._listeners.append(listener)
        self.arm()

    def ignore(self, listener: Callable[[], object]) -> None:
        """Remove `listener`. Required after each `listen`, whether the listener was called or not."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        self.disarm()

    def drain(self) -> None:
        """Read the bytes in the pipe, call the listeners, and forward the bytes to the program's fd."""
        try:
            while data := _original.read(self.fd, 4096):
                while self._listeners:
                    self._listeners.pop(0)()
                self._forward(data)
        except OSError:
            # The pipe is empty, or the program has closed it, which the loop detects.
            pass

    def _forward(self, data: bytes) -> None:
        if self._program_fd < 0:
            return
        try:
            _original.write(self._program_fd, data)
        except OSError:
            # The fd is full: its reader wakes up anyway. Or another thread has closed it during the sleep.
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
