"""gevent.resolver_ares: the former name of `gevent.resolver.ares`."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent.resolver.ares import Resolver

__all__ = ["Resolver"]

__getattr__: Callable[[str], Any] = missing_names(__name__)
