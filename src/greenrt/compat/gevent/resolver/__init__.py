"""gevent.resolver: greenrt's resolvers of host names."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["AbstractResolver", "Resolver"]

# They are imported on first use: many programs never resolve a name.
__getattr__: Callable[[str], Any] = missing_names(
    __name__,
    elsewhere={
        "AbstractResolver": (f"{__name__}._abstract", "AbstractResolver"),
        "Resolver": ("greenrt.dns.resolvers", "AutoResolver"),
    },
)
