"""eventlet.green.zmq: pyzmq, whose sockets suspend only the greenthread.

A socket of ZeroMQ has a file descriptor that is readable when its state has changed, not when a message is there
(zmq_getsockopt(3), ZMQ_FD). So each operation is tried without waiting, and tried again after a change.
"""

# The classes of pyzmq have no types where it is not installed.
# mypy: disable-error-code="misc,no-any-return"

import zmq as _zmq  # type: ignore[import-not-found]
from zmq import *  # noqa: F403

import greenrt
from greenrt._deadline import Deadline
from greenrt._hub.fd_wait import park_on_fds
from greenrt._typing import Any

from .._waiters import TIMED_OUT, Waiters
from ..timeout import wrap_is_timeout

__all__ = ["Context", "Poller", "Socket"]

# The longest wait of a Poller before it looks again, in seconds: another greenthread may have seen the change.
_LOOK_AGAIN = 0.1


class Socket(_zmq.Socket):
    """A socket of ZeroMQ. `send`, `recv`, `poll` and the methods over them suspend only the greenthread."""

    # pyzmq accepts only attributes that the class has.
    _senders: Waiters | None = None
    _receivers: Waiters | None = None
    _watcher: Any = None

    def _wait(self, event: int, deadline: Deadline) -> bool:
        """Park until the state has changed to `event`; return False at the deadline."""
        if self._senders is None or self._receivers is None:
            self._senders = Waiters()
            self._receivers = Waiters()
        waiters = self._receivers if event == _zmq.POLLIN else self._senders
        if self._watcher is None:
            self._watcher = greenrt.get_hub().loop.io(self.getsockopt(_zmq.FD), greenrt.READ)
            self._watcher.start(self._changed)
        try:
            return waiters.wait(self, deadline.left()) is not TIMED_OUT
        finally:
            if not self._senders and not self._receivers:
                self._unwatch()

    def _unwatch(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()

    def _changed(self) -> None:
        """Wake those who wait for what is possible now. The hub and each operation call this."""
        senders, receivers = self._senders, self._receivers
        if self.closed or senders is None or receivers is None or not (senders or receivers):
            return
        # This also makes the file descriptor unreadable.
        events = _zmq.Socket.getsockopt(self, _zmq.EVENTS)
        for waiters, event in ((receivers, _zmq.POLLIN), (senders, _zmq.POLLOUT)):
            if waiters and events & event:
                waiters.hand_over(True)

    def _do(self, call: Any, event: int, flags: int) -> Any:
        """Make a call of the base class that may have to wait for `event`."""
        if flags & _zmq.NOBLOCK:
            try:
                return call(flags)
            finally:
                self._changed()
        option = _zmq.RCVTIMEO if event == _zmq.POLLIN else _zmq.SNDTIMEO
        limit: int = _zmq.Socket.getsockopt(self, option)
        deadline = Deadline(None if limit < 0 else limit / 1000)
        while True:
            try:
                result = call(flags | _zmq.NOBLOCK)
            except _zmq.Again as error:
                if deadline.passed():
                    wrap_is_timeout(error)
                    raise
            else:
                self._changed()
                return result
            if not _zmq.Socket.getsockopt(self, _zmq.EVENTS) & event:
                self._wait(event, deadline)

    def send(self, data: Any, flags: int = 0, copy: bool = True, track: bool = False, **kwargs: Any) -> Any:
        """Send a message; see `zmq.Socket.send`."""
        base = super().send
        return self._do(lambda used: base(data, used, copy, track, **kwargs), _zmq.POLLOUT, flags)

    def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        """Receive a message; see `zmq.Socket.recv`."""
        base: Any = super().recv
        return self._do(lambda used: base(used, copy, track), _zmq.POLLIN, flags)

    def poll(self, timeout: float | None = None, flags: int = _zmq.POLLIN) -> int:
        """Wait for `timeout` milliseconds (None: no limit) for an event; return the events. See `zmq.Socket.poll`."""
        poller = Poller()
        poller.register(self, flags)
        return dict(poller.poll(timeout)).get(self, 0)

    def close(self, linger: int | None = None) -> None:
        """Close the socket. Greenthreads that wait for it get ZMQError."""
        self._unwatch()
        super().close(linger)
        for waiters in (self._senders, self._receivers):
            while waiters is not None and waiters.hand_over(True):
                pass


class Context(_zmq.Context):
    """A context of ZeroMQ whose sockets are green."""

    _socket_class = Socket
    _instance: Any = None


class Poller(_zmq.Poller):
    """A poller whose `poll` suspends only the greenthread."""

    def poll(self, timeout: float | None = None) -> list[tuple[Any, int]]:
        """Wait for `timeout` milliseconds (None and negative: no limit); return the sockets with their events."""
        deadline = Deadline(None if timeout is None or timeout < 0 else timeout / 1000)
        while True:
            found = super().poll(0)
            if found or deadline.passed():
                return found
            left = deadline.left()
            park_on_fds(self._fds(), _LOOK_AGAIN if left is None else min(left, _LOOK_AGAIN))

    def _fds(self) -> dict[int, int]:
        wanted: dict[int, int] = {}
        for each, flags in self.sockets:
            if isinstance(each, _zmq.Socket):
                wanted[each.getsockopt(_zmq.FD)] = greenrt.READ
            else:
                fd = each if isinstance(each, int) else each.fileno()
                events = (greenrt.READ if flags & _zmq.POLLIN else 0) | (
                    greenrt.WRITE if flags & _zmq.POLLOUT else 0
                )
                wanted[fd] = events or greenrt.READ
        return wanted


def __getattr__(name: str) -> Any:
    return getattr(_zmq, name)
