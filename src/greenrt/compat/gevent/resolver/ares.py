"""gevent.resolver.ares: greenrt's own resolver, which gives the answers of the C library without threads."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._config import config
from greenrt.dns.resolvers import AresResolver

__all__ = ["Resolver"]


class Resolver(AresResolver):
    """greenrt's resolver with gevent's arguments.

    hub: the hub whose greenlets call it. use_environ: whether the settings for name servers are used. servers:
    addresses of name servers, or a text with commas. Other arguments of gevent's resolver raise TypeError.
    """

    def __init__(self, hub: Any = None, use_environ: bool = True, *, servers: Any = None) -> None:
        if servers is None and use_environ:
            servers = config.resolver_nameservers or config.ares_servers
        super().__init__(hub, servers=servers.split(",") if isinstance(servers, str) else servers)


__getattr__: Callable[[str], Any] = missing_names(
    __name__, {"channel": "greenrt.dns.query asks name servers for any record"}
)
