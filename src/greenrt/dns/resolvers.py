"""The resolvers of a hub. ``GREENRT_RESOLVER`` or ``get_hub().resolver`` chooses one by its name:

=========== ==========================================================================================
auto        the default: ares if nsswitch.conf has only the sources files and dns, else thread
ares        greenrt's own resolver: glibc's answers, without blocking and without threads
thread      the C library in dedicated native threads: supports every source of nsswitch.conf, but slow
            lookups occupy threads that other lookups need
block       the C library in the calling thread, which blocks
=========== ==========================================================================================
"""

import _socket
import os
from collections.abc import Iterable

from greenrt import _original
from greenrt._native.thread import monotonic
from greenrt._typing import Any, Protocol
from greenrt.dns.choice import check_environment
from greenrt.dns.counters import LibraryCall
from greenrt.dns.etc.nsswitch import nsswitch
from greenrt.dns.glibc import GlibcResolver
from greenrt.dns.hostname import encode
from greenrt.dns.services import leaves_machine
from greenrt.dns.sources import Dns, Files, Trace, has_host_aliases
from greenrt.sync.threadpool import ThreadPool

__all__ = [
    "RESOLVERS",
    "AresResolver",
    "AutoResolver",
    "BlockResolver",
    "Resolver",
    "ThreadResolver",
    "new_resolver",
]

MAX_THREADS = 32
# Flags that greenrt's own resolver does not support, and passes to the C library.
AI_RARE = 0x40 | 0x80 | 0x100 | 0x200
NI_KNOWN = _socket.NI_NUMERICHOST | _socket.NI_NUMERICSERV | _socket.NI_NAMEREQD | _socket.NI_DGRAM


class Resolver(Protocol):
    """The name functions of the socket module, with its arguments, raw results and errors."""

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """See `socket.getaddrinfo`."""

    def gethostbyname(self, hostname: Any) -> str:
        """See `socket.gethostbyname`."""

    def gethostbyname_ex(self, hostname: Any) -> tuple[str, list[str], list[str]]:
        """See `socket.gethostbyname_ex`."""

    def gethostbyaddr(self, ip_address: Any) -> tuple[str, list[str], list[str]]:
        """See `socket.gethostbyaddr`."""

    def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """See `socket.getnameinfo`."""

    def close(self) -> None:
        """Close the resolver's sockets, and end its threads."""


class _LibraryCalls:
    """The calls of the C library that a resolver makes."""

    def __init__(self) -> None:
        self._calls: set[LibraryCall] = set()

    def in_flight(self) -> list[tuple[Any, str, float, tuple[str, ...]]]:
        """Return each call that has not ended. Any thread may call this.

        A call has the host or address, the name of the function, its age in seconds, and the text "the C library".
        """
        now = monotonic()
        return [
            (call.subject, call.function, now - call.began, ("the C library",)) for call in self._calls.copy()
        ]


class BlockResolver(_LibraryCalls):
    """The C library, in the calling thread. `hub` is ignored."""

    def __init__(self, hub: Any = None) -> None:
        super().__init__()

    def getaddrinfo(self, *args: Any, **kwargs: Any) -> list[Any]:
        """See `Resolver`."""
        return self._call(_original.getaddrinfo, *args, **kwargs)  # type: ignore[no-any-return]

    def gethostbyname(self, *args: Any) -> str:
        """See `Resolver`."""
        return self._call(_original.gethostbyname, *args)  # type: ignore[no-any-return]

    def gethostbyname_ex(self, *args: Any) -> tuple[str, list[str], list[str]]:
        """See `Resolver`."""
        return self._call(_original.gethostbyname_ex, *args)  # type: ignore[no-any-return]

    def gethostbyaddr(self, *args: Any) -> tuple[str, list[str], list[str]]:
        """See `Resolver`."""
        return self._call(_original.gethostbyaddr, *args)  # type: ignore[no-any-return]

    def getnameinfo(self, *args: Any) -> tuple[str, str]:
        """See `Resolver`."""
        return self._call(_original.getnameinfo, *args)  # type: ignore[no-any-return]

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        with LibraryCall(self._calls, function.__name__, args[0] if args else None):
            return function(*args, **kwargs)

    def close(self) -> None:
        """See `Resolver`."""


class ThreadResolver(_LibraryCalls):
    """The C library, in up to `MAX_THREADS` native threads, which are separate from ``hub.threadpool``.

    hub: hub whose greenlets call the resolver; None for the calling thread's hub.
    """

    def __init__(self, hub: Any = None) -> None:
        super().__init__()
        self._pool = ThreadPool(MAX_THREADS, hub)

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """See `Resolver`."""
        if (isinstance(host, str) and "\0" in host) or (isinstance(host, bytes) and b"\0" in host):
            # Raises ValueError. CPython's function, unlike the others, cuts the host there.
            encode(host)
        return self._call(_original.getaddrinfo, host, port, family, type, proto, flags)  # type: ignore[no-any-return]

    def gethostbyname(self, hostname: Any) -> str:
        """See `Resolver`."""
        return self._call(_original.gethostbyname, hostname)  # type: ignore[no-any-return]

    def gethostbyname_ex(self, hostname: Any) -> tuple[str, list[str], list[str]]:
        """See `Resolver`."""
        return self._call(_original.gethostbyname_ex, hostname)  # type: ignore[no-any-return]

    def gethostbyaddr(self, ip_address: Any) -> tuple[str, list[str], list[str]]:
        """See `Resolver`."""
        return self._call(_original.gethostbyaddr, ip_address)  # type: ignore[no-any-return]

    def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """See `Resolver`."""
        return self._call(_original.getnameinfo, sockaddr, flags)  # type: ignore[no-any-return]

    def _call(self, function: Any, *args: Any) -> Any:
        with LibraryCall(self._calls, function.__name__, args[0]):
            return self._pool.apply(function, args)

    def close(self) -> None:
        """See `Resolver`."""
        self._pool.kill()


class AresResolver:
    """greenrt's own resolver. The C library does rare lookups in a native thread.

    Rare are lookups with AI_IDN or NI_NOFQDN, with HOSTALIASES, and of services from other sources than files.

    hub: hub whose greenlets call the resolver; None for the calling thread's hub.
    cache: whether answers of name servers are used again while they live. Off by default, as in the C library.
    servers: addresses of name servers to use instead of those in resolv.conf.
    trace: called with the text of each step.
    """

    def __init__(
        self,
        hub: Any = None,
        *,
        cache: bool = False,
        servers: Iterable[str] | None = None,
        trace: Trace = None,
    ) -> None:
        # Imported here, since the import of pycares takes long.
        from greenrt.dns.stub import Stub
        from greenrt.dns.udp import checked_servers

        if trace is not None and not callable(trace):
            raise TypeError(f"trace must be callable or None, not {trace!r}")
        if servers is not None:
            servers = checked_servers(servers)
        self._hub = hub
        self._threads: ThreadResolver | None = None
        self._stub = Stub(hub, cache=cache)
        self._glibc = GlibcResolver({"files": Files(trace), "dns": Dns(self._stub, servers, trace)})
        self._trace = trace

    def _for_name(self, name: Any, port: Any = None, flags: int = 0) -> Resolver | GlibcResolver:
        rare = flags & AI_RARE or leaves_machine(port) or (isinstance(name, str) and has_host_aliases(name))
        return self._by_thread() if rare else self._glibc

    def _by_thread(self) -> ThreadResolver:
        if self._trace:
            self._trace("the C library does this lookup, in a thread")
        if self._threads is None:
            self._threads = ThreadResolver(self._hub)
        return self._threads

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """See `Resolver`."""
        return self._for_name(host, port, flags).getaddrinfo(host, port, family, type, proto, flags)

    def gethostbyname(self, hostname: Any) -> str:
        """See `Resolver`."""
        return self._for_name(hostname).gethostbyname(hostname)

    def gethostbyname_ex(self, hostname: Any) -> tuple[str, list[str], list[str]]:
        """See `Resolver`."""
        return self._for_name(hostname).gethostbyname_ex(hostname)

    def gethostbyaddr(self, ip_address: Any) -> tuple[str, list[str], list[str]]:
        """See `Resolver`."""
        return self._for_name(ip_address).gethostbyaddr(ip_address)

    def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """See `Resolver`."""
        rare = isinstance(flags, int) and flags & ~NI_KNOWN
        return (self._by_thread() if rare else self._for_name(None)).getnameinfo(sockaddr, flags)

    def in_flight(self) -> list[tuple[Any, str, float, tuple[str, ...]]]:
        """Return each lookup in flight. Any thread may call this.

        Queries have their name, type, age in seconds and servers; for calls of the C library, see `ThreadResolver`.
        """
        return [*self._stub.in_flight(), *([] if self._threads is None else self._threads.in_flight())]

    def close(self) -> None:
        """See `Resolver`."""
        self._stub.close()
        if self._threads is not None:
            self._threads.close()


class AutoResolver(AresResolver):
    """greenrt's own resolver if nsswitch.conf has only the sources files and dns, else the C library in a thread.

    Each call reads nsswitch.conf again if it has changed.
    """

    def _for_name(self, name: Any, port: Any = None, flags: int = 0) -> Resolver | GlibcResolver:
        return super()._for_name(name, port, flags) if nsswitch.get().plain else self._by_thread()


FUNCTIONS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")
RESOLVERS: dict[str, type[Resolver]] = {
    "auto": AutoResolver,
    "ares": AresResolver,
    "thread": ThreadResolver,
    "block": BlockResolver,
}


def new_resolver(hub: Any = None, name: str | None = None) -> Resolver:
    """Return a new resolver of the kind `name`. The default is ``GREENRT_RESOLVER``, or ``"auto"`` without it.

    Only greenlets of `hub` may call it (default: the calling thread's hub). Raise ValueError for an unknown name.
    """
    if name is None or name == "":
        check_environment()
        name = os.environ.get("GREENRT_RESOLVER") or "auto"
    if not isinstance(name, str):
        raise TypeError(f"name must be one of {', '.join(RESOLVERS)}, not {name!r}")
    if name not in RESOLVERS:
        raise ValueError(f"there is no resolver {name!r}; use one of {', '.join(RESOLVERS)}")
    return RESOLVERS[name](hub)  # type: ignore[call-arg]


def resolver_of(hub: Any, setting: Any) -> Any:
    """Return the resolver for `setting`: None (the default), a name in `RESOLVERS`, or a resolver.

    Raise ValueError for an unknown name, TypeError for an object without any of the name functions.
    """
    if setting is None or isinstance(setting, str):
        if setting == "":
            raise ValueError(f"the name of a resolver must be one of {', '.join(RESOLVERS)}, not ''")
        return new_resolver(hub, setting)
    if isinstance(setting, type) or not any(callable(getattr(setting, name, None)) for name in FUNCTIONS):
        raise TypeError(
            f"resolver must be one of {', '.join(RESOLVERS)}, or an object with getaddrinfo and the like, "
            f"not {setting!r}"
        )
    return setting
