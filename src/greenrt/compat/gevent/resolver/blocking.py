"""gevent.resolver.blocking: the C library in the calling thread, which blocks."""

from greenrt.compat._missing import missing_names
from greenrt.dns.resolvers import BlockResolver as Resolver

__all__ = ["Resolver"]

__getattr__ = missing_names(__name__, {})
