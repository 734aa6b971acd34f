"""gevent.resolver_ares: the former name of `gevent.resolver.ares`."""

from greenrt.compat.gevent.resolver.ares import Resolver

__all__ = ["Resolver"]
