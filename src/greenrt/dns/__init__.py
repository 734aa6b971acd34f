"""Resolve host names without blocking, with the answers of the C library, and query name servers for any record."""

from greenrt import _providers
from greenrt._typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenrt.dns.answer import Answer, Malformed, NoData, NxDomain, ResolverError, ServFail, TimedOut
    from greenrt.dns.record_query import query
    from greenrt.dns.records import CAA, HTTPS, MX, NAPTR, SOA, SRV, TLSA, TXT, URI

__all__ = [
    "CAA",
    "HTTPS",
    "MX",
    "NAPTR",
    "SOA",
    "SRV",
    "TLSA",
    "TXT",
    "URI",
    "Answer",
    "Malformed",
    "NoData",
    "NxDomain",
    "ResolverError",
    "ServFail",
    "TimedOut",
    "query",
]

_HOMES = ("answer", "record_query", "records")


def __getattr__(name: str) -> Any:
    # Imported on first use: most programs only resolve hosts, and patching imports this package in every program.
    if name in __all__:
        from importlib import import_module

        for home in _HOMES:
            module = import_module(f"{__name__}.{home}")
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _resolver_of(hub: Any, setting: Any) -> Any:
    # Imported on first use: many programs never resolve a name.
    from greenrt.dns.resolvers import resolver_of

    return resolver_of(hub, setting)


_providers.make_resolver = _resolver_of
