"""gevent.resolver.thread: the C library in native threads."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.dns.resolvers import ThreadResolver as Resolver

__all__ = ["Resolver"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
