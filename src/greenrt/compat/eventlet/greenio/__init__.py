"""eventlet.greenio: green sockets and pipes."""

import os
import socket as standard
from collections.abc import Callable
from errno import EAGAIN, EALREADY, ECONNRESET, EINPROGRESS, EISCONN, ENOTCONN, EPIPE

from greenrt import monkey
from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.green import _open, _socket_life
from greenrt.green import socket as green

__all__ = [
    "CONNECT_ERR",
    "CONNECT_SUCCESS",
    "SOCKET_BLOCKING",
    "SOCKET_CLOSED",
    "GreenPipe",
    "GreenSocket",
    "set_nonblocking",
    "shutdown_safe",
    "socket_timeout",
]

SOCKET_BLOCKING = {EAGAIN, ENOTCONN}
SOCKET_CLOSED = {ECONNRESET, ENOTCONN, EPIPE}
CONNECT_ERR = {EINPROGRESS, EALREADY, EAGAIN}
CONNECT_SUCCESS = {0, EISCONN}

socket_timeout = TimeoutError


class _GreenKind(type):
    """Lets `isinstance` find all sockets whose calls are green."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, green.socket) or (
            isinstance(instance, standard.socket) and monkey.is_module_patched("socket")
        )


class GreenSocket(green.socket, metaclass=_GreenKind):
    """A green socket, whose instances take attributes of the program's.

    Arguments: those of `socket.socket`; or a socket, of which this becomes a green one: both are then one connection,
    and closing this closes both. `set_nonblocking` is accepted and has no effect: greenrt leaves O_NONBLOCK alone.

    Attribute: `fd`, the socket that was given, or this one.
    """

    def __init__(
        self, family: Any = standard.AF_INET, *args: Any, set_nonblocking: bool = True, **kwargs: Any
    ) -> None:
        self._given: standard.socket | None = None
        if isinstance(family, standard.socket):
            given = family
            super().__init__(given.family, given.type, given.proto, fileno=os.dup(given.fileno()))
            self._given = given
            self.settimeout(given.gettimeout())
        else:
            super().__init__(family, *args, **kwargs)

    @property
    def fd(self) -> standard.socket:
        """The socket that was given, or this one."""
        return self._given if self._given is not None else self

    def accept(self) -> tuple[Any, Any]:
        """Return a GreenSocket for the next connection, and its address."""
        fd, address = _socket_life.accept_fd(self)
        return GreenSocket(self.family, self.type, self.proto, fileno=fd), address

    def close(self) -> None:
        """Close the socket, and the one that was given."""
        super().close()
        given = self.__dict__.get("_given")
        if given is not None:
            given.close()


def GreenPipe(
    name: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """Return a green file for a file descriptor, a path or a file. The arguments are those of `open`."""
    if hasattr(name, "fileno"):
        number = os.dup(name.fileno())
        name.close()
        name = number
    return _open.open(name, mode, buffering, encoding, errors, newline, closefd, opener)


def set_nonblocking(fd: Any) -> None:
    """Set O_NONBLOCK for a file descriptor or an object with ``fileno()``."""
    os.set_blocking(fd if isinstance(fd, int) else fd.fileno(), False)


def shutdown_safe(sock: Any) -> None:
    """Shut a socket down for reading and writing. No-op if it is closed or not connected."""
    try:
        sock.shutdown(standard.SHUT_RDWR)
    except OSError as error:
        # EBADF: a closed socket.
        if error.errno not in {9, *SOCKET_CLOSED}:
            raise


__getattr__: Callable[[str], Any] = missing_names(__name__)
