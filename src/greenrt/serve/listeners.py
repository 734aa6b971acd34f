"""Listening sockets, made from the addresses that users give."""

import os
from contextlib import nullcontext
from errno import EINVAL

from greenrt._hub.fd_wait import HasFileno
from greenrt._typing import Any
from greenrt.green import socket
from greenrt.serve.socket_file import remove_stale, sole_starter

__all__ = [
    "AddressError",
    "Listener",
    "adopt",
    "inherited_sockets",
    "is_ipv6",
    "open_datagram",
    "open_stream",
    "parse_address",
]

# What the constructors of servers take: (host, port), a port, a text, or a socket.
Listener = tuple[str, int] | int | str | HasFileno

DEFAULT_BACKLOG = 1024
# SD_LISTEN_FDS_START.
FIRST_INHERITED = 3
STANDARD: Any = socket.socket.__base__


class AddressError(ValueError):
    """A value is no address to listen on; `reason` says why, or is ""."""

    def __init__(self, listener: Any, reason: str) -> None:
        because = f"{reason}; " if reason else ""
        super().__init__(
            f"{listener!r} is no address to listen on: {because}"
            "use (host, port), a port, 'host:port', '[::1]:port', 'unix:/path', 'fd:3' or a socket"
        )
        self.reason = reason


def parse_address(listener: Any) -> tuple[Any, Any]:
    """Return ``(family, address)`` for the address to listen on.

    `listener` is ``(host, port)``, a port, ``"host:port"``, ``":port"``, ``"[::1]:port"`` or ``"unix:/path"``. No
    host or ``"*"`` means all IPv4 addresses. Raise AddressError, a ValueError, for anything else.
    """
    if isinstance(listener, str) and listener.startswith("unix:"):
        if len(listener) == 5:
            raise AddressError(listener, "the path is empty")
        return socket.AF_UNIX, listener[5:]
    rest: Any = ()
    if isinstance(listener, str):
        host, port = _split(listener)
    elif isinstance(listener, int):
        host, port = "", str(listener)
    elif isinstance(listener, tuple | list) and len(listener) >= 2:
        host, port, rest = listener[0] or "", str(listener[1]), tuple(listener[2:])
    else:
        raise AddressError(listener, "")
    if not isinstance(host, str):
        raise AddressError(listener, "the host must be a str")
    if not (port.isascii() and port.isdigit() and len(port) <= 5) or int(port) > 65535:
        raise AddressError(listener, f"the port must be a number from 0 to 65535, not {port!r}")
    if "/" in host or any(char.isspace() for char in host):
        raise AddressError(listener, f"{host!r} is no host")
    if host in ("", "*"):
        host = "0.0.0.0"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if rest and (family != socket.AF_INET6 or len(rest) > 2):
        # An IPv6 address may also have a flow label and a scope.
        raise AddressError(listener, "it has too many items")
    return family, (host, int(port), *rest)


def _split(text: str) -> tuple[str, str]:
    """Return the host and the port of an address; the host is "" in a port alone.

    Raise AddressError if it is ambiguous.
    """
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or not is_ipv6(host):
            raise AddressError(text, "the brackets must have an IPv6 address in them")
        if not port.startswith(":"):
            raise AddressError(text, "a colon and the port must follow the brackets, as in '[::1]:8000'")
        return host, port[1:]
    host, colon, port = text.rpartition(":")
    if not colon:
        return "", text
    if ":" in host:
        if is_ipv6(text) or is_ipv6(host):
            raise AddressError(text, "an IPv6 address needs brackets before its port, as in '[::1]:8000'")
        raise AddressError(text, "the host has a colon")
    return host, port


def is_ipv6(host: str) -> bool:
    """Return whether `host` is an IPv6 address, with or without a zone."""
    address, percent, zone = host.partition("%")
    if percent and not zone:
        return False
    try:
        socket.inet_pton(socket.AF_INET6, address)
    except (OSError, ValueError):
        return False
    return True


def adopt(listener: Any) -> Any:
    """Return the socket that `listener` is, or that it names as ``"fd:3"``; return None if it is neither.

    Raise OSError if the descriptor is no socket, TypeError for a TLS socket.
    """
    if isinstance(listener, str) and listener.startswith("fd:") and listener[3:].isdigit():
        return _inherited(int(listener[3:]))
    if isinstance(listener, type) or not (hasattr(listener, "accept") or hasattr(listener, "recvfrom")):
        return None
    if hasattr(listener, "do_handshake"):
        raise TypeError(f"{listener!r} speaks TLS; pass the plain socket, and an ssl_context to the server")
    if type(listener) is STANDARD:
        # Without patching, the methods of the standard class block the thread. The green ones work on the same
        # object.
        listener.__class__ = socket.socket
    return listener


def _inherited(fd: int) -> Any:
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        error.strerror = f"{error.strerror}: fd {fd} is no socket that was inherited"
        raise
    os.set_inheritable(fd, False)
    return sock


def inherited_sockets() -> list[tuple[str, socket.socket]]:
    """Return ``(name, socket)`` for each socket that systemd passed to this process, or [] if it passed none.

    The name is FileDescriptorName= of the socket unit, by default the unit's name; without a name it is "unknown".
    The call removes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES from the environment, so that child processes don't
    take the sockets for theirs. A second call returns []. See sd_listen_fds_with_names(3).

    Raise ValueError if a variable is no number, and OSError if a descriptor is no socket.
    """
    pid = os.environ.pop("LISTEN_PID", "")
    count = os.environ.pop("LISTEN_FDS", "0")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if not pid or int(pid) != os.getpid():
        return []
    found = []
    for number in range(int(count)):
        name = names[number] if number < len(names) else ""
        found.append((name or "unknown", _inherited(FIRST_INHERITED + number)))
    return found


def _opened(family: Any, kind: Any, address: Any, reuse_port: bool, backlog: int | None) -> Any:
    """Return a bound socket, which listens unless `backlog` is None. Raise OSError, which names the address."""
    # An abstract name has no file (unix(7)).
    has_file = family == socket.AF_UNIX and not address.startswith("\0")
    sock = socket.socket(family, kind)
    try:
        with sole_starter(address) if has_file else nullcontext():
            if has_file:
                remove_stale(address, kind)
            elif family != socket.AF_UNIX:
                _set_options(sock, family, kind, address)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(address)
            if backlog is not None:
                sock.listen(backlog)
    except OSError as error:
        sock.close()
        # The error for a path that is too long has no errno.
        raise OSError(error.errno or EINVAL, f"{error.strerror or error}: {address!r}") from None
    except BaseException:
        sock.close()
        raise
    return sock


def _set_options(sock: Any, family: Any, kind: Any, address: Any) -> None:
    if kind == socket.SOCK_STREAM:
        # For datagrams, SO_REUSEADDR would let any process of any user take over the port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        # This must not depend on /proc/sys/net/ipv6/bindv6only.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")


def open_stream(family: Any, address: Any, backlog: int | None, reuse_port: bool = False) -> Any:
    """Return a listening TCP or Unix socket. Raise OSError, which names the address, if it can't be bound."""
    most = DEFAULT_BACKLOG if backlog is None else backlog
    return _opened(family, socket.SOCK_STREAM, address, reuse_port, most)


def open_datagram(family: Any, address: Any, reuse_port: bool = False) -> Any:
    """Return a bound datagram socket. Raise OSError, which names the address, if it can't be bound."""
    return _opened(family, socket.SOCK_DGRAM, address, reuse_port, None)
