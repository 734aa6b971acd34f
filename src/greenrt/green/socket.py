"""The standard library's `socket` module, cooperative: a call that would block suspends the greenlet only.

All of its names are here, with the standard signatures, results and errors. `socket` is a subclass of the standard
class. Functions that are Python in CPython (create_connection, create_server, socketpair, getfqdn...) are CPython's
own, over this module's names.
"""

# The names of the standard module are defined anew, which is the point.
# mypy: disable-error-code="no-redef,assignment,misc,override"

import socket as _stdlib
from socket import *  # noqa: F403

from greenrt._hub.io import forget_fd, new_fd
from greenrt._typing import Any
from greenrt.green import names, socket_calls, socket_life, socket_options, socket_waits
from greenrt.green.twins import rebound

__all__ = list(_stdlib.__all__)

_StdlibSocket = _stdlib.socket
_stdlib_init = _StdlibSocket.__init__


def _init(self: Any, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
    _stdlib_init(self, family, type, proto, fileno)
    # The number may have been another file's, which was closed behind our back.
    new_fd(self.fileno())
    if socket_options.special or (fileno is not None and family == -1):
        # Options outlive a socket object, and accepted sockets inherit them.
        socket_options.note(self)


def _accept(self: Any) -> tuple[Any, Any]:
    """accept() -> (socket, address): wait for a connection. See `socket.socket.accept`."""
    fd, address = socket_life.accept_fd(self)
    kind = socket if isinstance(self, socket) else _StdlibSocket
    connection = kind(socket_waits.family_of(self), socket_waits.type_of(self), self.proto, fileno=fd)
    # As CPython: where accept(2) hands down O_NONBLOCK (not on Linux), a listener's timeout must not come with it.
    if _stdlib.getdefaulttimeout() is None and self.gettimeout():
        connection.setblocking(True)
    return connection, address


def _sendfile_use_sendfile(self: Any, file: Any, offset: int = 0, count: int | None = None) -> int:
    return socket_life.sendfile(self, file, offset, count, _stdlib._GiveupOnSendfile)  # type: ignore[attr-defined]


# What is installed on the standard class by patching, and carried by the class below.
METHODS: dict[str, Any] = {
    "__init__": _init,
    "_real_close": socket_life.real_close,
    "_sendfile_use_sendfile": _sendfile_use_sendfile,
    "accept": _accept,
    "connect": socket_life.connect,
    "connect_ex": socket_life.connect_ex,
    "detach": socket_life.detach,
    "recv": socket_calls.recv,
    "recv_into": socket_calls.recv_into,
    "recvfrom": socket_calls.recvfrom,
    "recvfrom_into": socket_calls.recvfrom_into,
    "recvmsg": socket_calls.recvmsg,
    "recvmsg_into": socket_calls.recvmsg_into,
    "send": socket_calls.send,
    "sendall": socket_calls.sendall,
    "sendmsg": socket_calls.sendmsg,
    "sendto": socket_calls.sendto,
    "setsockopt": socket_options.setsockopt,
}


class socket(_StdlibSocket):
    """`socket.socket`, whose blocking methods suspend the greenlet only."""

    __slots__ = ()

    locals().update(METHODS)


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[Any]:
    """Resolve host and port into a list of (family, type, proto, canonname, sockaddr). See `socket.getaddrinfo`."""
    convert = _stdlib._intenum_converter  # type: ignore[attr-defined]
    return [
        (convert(found[0], _stdlib.AddressFamily), convert(found[1], _stdlib.SocketKind), *found[2:])
        for found in names.getaddrinfo(host, port, family, type, proto, flags)
    ]


gethostbyname = names.gethostbyname
gethostbyname_ex = names.gethostbyname_ex
gethostbyaddr = names.gethostbyaddr
getnameinfo = names.getnameinfo


def close(fd: int) -> None:
    """Close a socket's fd, after waking its waiters. See `socket.close`."""
    forget_fd(fd)
    _stdlib_close(fd)


_stdlib_close = _stdlib.close

# What patching replaces in the standard module's dict.
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
    # SocketIO, and whatever else the standard module has without exporting it.
    return getattr(_stdlib, name)
