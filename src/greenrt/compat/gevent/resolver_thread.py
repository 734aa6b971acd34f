"""gevent.resolver_thread: the former name of `gevent.resolver.thread`."""

from greenrt.compat.gevent.resolver.thread import Resolver

__all__ = ["Resolver"]
