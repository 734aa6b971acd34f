"""eventlet.green.MySQLdb: the driver MySQLdb, whose connections wait in native threads."""

import MySQLdb as _driver  # type: ignore[import-untyped]
from MySQLdb import *  # noqa: F403

from greenrt._typing import Any

from .. import tpool

__all__ = tuple(name for name in dir(_driver) if not name.startswith("_"))
__patched__: list[str] = ["connect", "Connect", "Connection", "connections"]

connections: Any = _driver.connections


def Connection(*args: Any, **kw: Any) -> Any:
    """Return a connection whose methods run in native threads."""
    made = tpool.execute(_driver.connections.Connection, *args, **kw)
    return tpool.Proxy(made, autowrap_names=("cursor",))


connect: Any = Connection
Connect: Any = Connection


def __getattr__(name: str) -> Any:
    return getattr(_driver, name)
