"""gevent.ares: names of c-ares. greenrt's resolver is `gevent.resolver.ares`."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__: list[str] = []

__getattr__: Callable[[str], Any] = missing_names(
    __name__, {"channel": "greenrt.dns.query asks name servers for any record"}
)
