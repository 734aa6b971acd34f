"""gevent.resolver.blocking: the C library in the calling thread, which blocks."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.dns.resolvers import BlockResolver as Resolver

__all__ = ["Resolver"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
