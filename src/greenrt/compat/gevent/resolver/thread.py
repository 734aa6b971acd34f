"""gevent.resolver.thread: the C library in native threads."""

from greenrt.compat._missing import missing_names
from greenrt.dns.resolvers import ThreadResolver as Resolver

__all__ = ["Resolver"]

__getattr__ = missing_names(__name__, {})
