"""gevent.resolver: greenrt's resolvers of host names."""

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["AbstractResolver", "Resolver"]


def __getattr__(name: str) -> Any:
    # Imported on first use: many programs never resolve a name.
    if name == "Resolver":
        from greenrt.dns.resolvers import AutoResolver

        return AutoResolver
    if name == "AbstractResolver":
        from greenrt.compat.gevent.resolver._abstract import AbstractResolver

        return AbstractResolver
    return _missing(name)


_missing = missing_names(__name__, {})
