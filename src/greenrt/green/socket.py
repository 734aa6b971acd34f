"""The standard library's `socket` module, cooperative: a call that would block suspends only the greenlet.

It has all names of the standard module, with the standard signatures, results and errors. `socket` is a subclass of
the standard class. Functions that are Python code in CPython (create_connection, create_server, socketpair,
getfqdn...) are CPython's own, over the names of this module.
"""

# This module redefines the names of the standard module on purpose.
# mypy: disable-error-code="no-redef,assignment,misc,override"

import socket as _stdlib
from socket import *  # noqa: F403

from greenrt._hub.fd_wait import forget_fd, new_fd
from greenrt._typing import Any
from greenrt.green import (
    _file_objects,
    _socket_io,
    _socket_life,
    _socket_names,
    _socket_options,
    _socket_waits,
)
from greenrt.green._twin import public_names, rebound

__all__ = public_names(_stdlib)

_StdlibSocket = _stdlib.socket
_stdlib_init = _StdlibSocket.__init__


def _init(self: Any, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
    _stdlib_init(self, family, type, proto, fileno)
    # The number may have belonged to another file, which other code has closed.
    new_fd(self.fileno())
    if _socket_options.special or (fileno is not None and family == -1):
        # Options outlive a socket object, and an accepted socket inherits them.
        _socket_options.note(self)


def _accept(self: Any) -> tuple[Any, Any]:
    """accept() -> (socket, address): wait for a connection. See `socket.socket.accept`."""
    fd, address = _socket_life.accept_fd(self)
    kind = socket if isinstance(self, socket) else _StdlibSocket
    connection = kind(_socket_waits.family_of(self), _socket_waits.type_of(self), self.proto, fileno=fd)
    # As in CPython: if accept(2) inherits O_NONBLOCK (not on Linux), the listener's timeout must not apply here.
    if _stdlib.getdefaulttimeout() is None and self.gettimeout():
        connection.setblocking(True)
    return connection, address


def _sendfile_use_sendfile(self: Any, file: Any, offset: int = 0, count: int | None = None) -> int:
    return _socket_life.sendfile(self, file, offset, count, _stdlib._GiveupOnSendfile)  # type: ignore[attr-defined]


# CPython's own method, over buffered files that several greenlets may use. With the files of `io`, a second greenlet
# gets RuntimeError ("reentrant call") while the first one waits for the socket.
_makefile = rebound(
    _StdlibSocket.makefile,
    {
        "__name__": _stdlib.__name__,
        "io": _file_objects.module_like_io(
            BufferedReader=_file_objects.BufferedReader,
            BufferedRWPair=_file_objects.BufferedRWPair,
            BufferedWriter=_file_objects.BufferedWriter,
        ),
    },
)

# Patching sets these methods on the standard class; the class below has them too.
METHODS: dict[str, Any] = {
    "__init__": _init,
    "_real_close": _socket_life.real_close,
    "_sendfile_use_sendfile": _sendfile_use_sendfile,
    "accept": _accept,
    "connect": _socket_life.connect,
    "connect_ex": _socket_life.connect_ex,
    "detach": _socket_life.detach,
    "makefile": _makefile,
    "recv": _socket_io.recv,
    "recv_into": _socket_io.recv_into,
    "recvfrom": _socket_io.recvfrom,
    "recvfrom_into": _socket_io.recvfrom_into,
    "recvmsg": _socket_io.recvmsg,
    "recvmsg_into": _socket_io.recvmsg_into,
    "send": _socket_io.send,
    "sendall": _socket_io.sendall,
    "sendmsg": _socket_io.sendmsg,
    "sendto": _socket_io.sendto,
    "setsockopt": _socket_options.setsockopt,
}


class socket(_StdlibSocket):
    """`socket.socket`, whose blocking methods suspend only the greenlet."""

    __slots__ = ()

    locals().update(METHODS)


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[Any]:
    """Resolve host and port to a list of (family, type, proto, canonname, sockaddr). See `socket.getaddrinfo`."""
    convert = _stdlib._intenum_converter  # type: ignore[attr-defined]
    return [
        (convert(found[0], _stdlib.AddressFamily), convert(found[1], _stdlib.SocketKind), *found[2:])
        for found in _socket_names.getaddrinfo(host, port, family, type, proto, flags)
    ]


gethostbyname = _socket_names.gethostbyname
gethostbyname_ex = _socket_names.gethostbyname_ex
gethostbyaddr = _socket_names.gethostbyaddr
getnameinfo = _socket_names.getnameinfo


def close(fd: int) -> None:
    """Wake up the waiters of a socket's file descriptor, and close it. See `socket.close`."""
    forget_fd(fd)
    _stdlib_close(fd)


_stdlib_close = _stdlib.close

# The functions that patching replaces in the standard module's dict.
FUNCTIONS: dict[str, Any] = {
    "close": close,
    "getaddrinfo": getaddrinfo,
    "gethostbyaddr": gethostbyaddr,
    "gethostbyname": gethostbyname,
    "gethostbyname_ex": gethostbyname_ex,
    "getnameinfo": getnameinfo,
}


for _name in ("create_connection", "create_server", "fromfd", "getfqdn", "has_dualstack_ipv6", "socketpair"):
    globals()[_name] = rebound(getattr(_stdlib, _name), globals())
del _name


def __getattr__(name: str) -> Any:
    # SocketIO, and other names of the standard module that it does not export.
    return getattr(_stdlib, name)
