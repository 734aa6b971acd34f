"""The base of resolvers that programs write."""

import socket

from greenrt._typing import Any

__all__ = ["AbstractResolver"]


class AbstractResolver:
    """Base of a resolver: the name functions of `socket` over the methods `_getaddrinfo` and `_gethostbyaddr`.

    A subclass defines ``_getaddrinfo(host, port, family, type, proto, flags)``, ``_gethostbyaddr(ip_address)`` and
    ``getnameinfo(sockaddr, flags)``. Their results and errors are those of the functions of `socket`.
    """

    def close(self) -> None:
        """Release what the resolver holds."""

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """Resolve a host and a port; see `socket.getaddrinfo`."""
        return self._getaddrinfo(host, port, family, type, proto, flags)

    def gethostbyname(self, hostname: Any, family: int = socket.AF_INET) -> str:
        """Resolve a host to its first address; see `socket.gethostbyname`."""
        return self.gethostbyname_ex(hostname, family)[-1][0]

    def gethostbyname_ex(
        self, hostname: Any, family: int = socket.AF_INET
    ) -> tuple[str, list[str], list[str]]:
        """Resolve a host to its addresses; see `socket.gethostbyname_ex`."""
        found = self.getaddrinfo(hostname, None, family, socket.SOCK_DGRAM)
        name = hostname.decode("ascii") if isinstance(hostname, bytes) else hostname
        return name, [], list(dict.fromkeys(address[4][0] for address in found))

    def gethostbyaddr(self, ip_address: Any) -> tuple[str, list[str], list[str]]:
        """Resolve an address to its name; see `socket.gethostbyaddr`."""
        return self._gethostbyaddr(ip_address)

    def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """Resolve an address and a port to names; see `socket.getnameinfo`."""
        raise NotImplementedError(f"{type(self).__name__} does not define getnameinfo")

    def _getaddrinfo(self, host: Any, port: Any, family: int, type: int, proto: int, flags: int) -> list[Any]:
        raise NotImplementedError(f"{self!r} does not define _getaddrinfo")

    def _gethostbyaddr(self, ip_address: Any) -> tuple[str, list[str], list[str]]:
        raise NotImplementedError(f"{self!r} does not define _gethostbyaddr")
