"""gevent.resolver.dnspython: greenrt's own resolver, which takes the place of dnspython's."""

from greenrt.compat._missing import missing_names
from greenrt.compat.gevent.resolver.ares import Resolver

__all__ = ["Resolver"]

__getattr__ = missing_names(__name__, {})
