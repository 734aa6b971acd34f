"""eventlet.db_pool: pools of connections to databases (DB-API 2)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from greenrt import _log
from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from . import greenthread, hubs, tpool
from .pools import Pool
from .timeout import Timeout

__all__ = [
    "BaseConnectionPool",
    "ConnectTimeout",
    "ConnectionPool",
    "DatabaseConnector",
    "GenericConnectionWrapper",
    "PooledConnectionWrapper",
    "RawConnectionPool",
    "TpooledConnectionPool",
    "cleanup_rollback",
]

_MISSING: Any = object()


class ConnectTimeout(Exception):
    """The database did not accept a connection in time."""


def cleanup_rollback(conn: Any) -> None:
    """Roll back the transaction of a connection that comes back to its pool."""
    conn.rollback()


class BaseConnectionPool(Pool):
    """A pool of connections. Subclasses define how to connect.

    Arguments:
    db_module: the driver; its ``connect(*args, **kwargs)`` makes a connection.
    min_size, max_size: the least and the largest number of connections.
    max_idle, max_age: the seconds after which a free connection is closed: since its last use, since it was made. 0
    closes a connection when it comes back.
    connect_timeout: the seconds after which `get` raises ConnectTimeout.
    cleanup: the function that is called with a connection when it comes back; None for none. If it raises, the
    connection is closed.
    """

    def __init__(
        self,
        db_module: Any,
        min_size: int = 0,
        max_size: int = 4,
        max_idle: float = 10,
        max_age: float = 30,
        connect_timeout: float = 5,
        cleanup: Callable[[Any], object] | None = cleanup_rollback,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if not db_module:
            raise AssertionError("db_module must be the module of a driver")
        self._db_module = db_module
        self._args = args
        self._kwargs = kwargs
        self.max_idle = max_idle
        self.max_age = max_age
        self.connect_timeout = connect_timeout
        self.cleanup = cleanup
        self._expiration_timer: Any = None
        super().__init__(min_size=min_size, max_size=max_size, order_as_stack=True)

    # Free connections are tuples: the time of the last use, that of the construction, the connection.

    def create(self) -> Any:
        """Make a connection."""
        now = time.time()
        return now, now, self.connect(self._db_module, self.connect_timeout, *self._args, **self._kwargs)

    @classmethod
    def connect(cls, db_module: Any, connect_timeout: float, *args: Any, **kw: Any) -> Any:
        """Return a new connection. Raises ConnectTimeout after `connect_timeout` seconds."""
        raise NotImplementedError(f"{cls.__name__} needs a method `connect`")

    def _schedule_expiration(self) -> None:
        """Close free connections that are too old, and schedule the next time that one will be."""
        timer = self._expiration_timer
        if self.max_age == 0 or self.max_idle == 0 or (timer is not None and timer.pending):
            return
        now = time.time()
        self._expire_old_connections(now)
        ends = [min(used + self.max_idle, made + self.max_age) for used, made, _ in self.free_items]
        self._expiration_timer = (
            hubs.get_hub().schedule_call_global(
                max(min(ends) - now, 0.001), greenthread.spawn_n, self._schedule_expiration
            )
            if ends
            else None
        )

    def _expire_old_connections(self, now: float) -> None:
        expired = [item for item in self.free_items if self._is_expired(now, item[0], item[1])]
        for item in expired:
            self.free_items.remove(item)
            self._forget()
        for item in expired:
            self._safe_close(item[2], quiet=True)

    def _is_expired(self, now: float, last_used: float, created_at: float) -> bool:
        return (
            self.max_idle <= 0
            or self.max_age <= 0
            or now - last_used > self.max_idle
            or now - created_at > self.max_age
        )

    def _unwrap_connection(self, conn: Any) -> Any:
        """Return the connection inside a wrapper, which is useless from then on; None if it has none."""
        base = getattr(conn, "_base", None) if conn else None
        if base is not None:
            conn._destroy()
        return base

    def _safe_close(self, conn: Any, quiet: bool = False) -> None:
        if conn is None:
            return
        try:
            conn.close()
        except Exception as error:
            # The connection is dropped in any case.
            if not quiet:
                _log.warn(f"closing {conn!r} raised {error!r}")

    def get(self) -> Any:
        """Return a connection; wait for one if `max_size` connections are in use."""
        item = super().get()
        if item is None:
            # The connection that came back was unusable.
            try:
                item = self.create()
            except BaseException:
                self._forget()
                raise
        made = time.time()
        if isinstance(item, tuple):
            _, made, item = item
        wrapped = PooledConnectionWrapper(item, self)
        wrapped._db_pool_created_at = made
        return wrapped

    def put(self, conn: Any, cleanup: Any = _MISSING) -> None:
        """Give a connection back. `cleanup` replaces the pool's function; None means no cleanup."""
        made = getattr(conn, "_db_pool_created_at", 0)
        now = time.time()
        base = self._unwrap_connection(conn)
        if self._is_expired(now, now, made):
            self._safe_close(base)
            base = None
        elif base is not None:
            chosen = self.cleanup if cleanup is _MISSING else cleanup
            if chosen is not None and not _cleaned(chosen, base):
                base = None
        if base is not None:
            super().put((now, made, base))
        elif self.waiting() > 0:
            # The waiter makes a connection of its own.
            super().put(None)
        else:
            self._forget()
        self._schedule_expiration()

    @contextmanager
    def item(self, cleanup: Any = _MISSING) -> Iterator[Any]:
        """Get a connection for the time of a ``with`` block. `cleanup`: see `put`."""
        conn = self.get()
        try:
            yield conn
        finally:
            self.put(conn, cleanup=cleanup)

    def clear(self) -> None:
        """Close all free connections."""
        if self._expiration_timer is not None:
            self._expiration_timer.cancel()
        items = list(self.free_items)
        self.free_items.clear()
        for item in items:
            self._safe_close(item[2] if isinstance(item, tuple) else item, quiet=True)
            self._forget()

    def __del__(self) -> None:
        self.clear()


def _cleaned(cleanup: Callable[[Any], object], conn: Any) -> bool:
    """Call the cleanup of a connection; return False if the connection is useless."""
    try:
        cleanup(conn)
    except Exception as error:
        _log.warn(f"the cleanup {cleanup!r} of a connection raised {error!r}; the connection is dropped")
        return False
    return True


class TpooledConnectionPool(BaseConnectionPool):
    """A pool of connections whose calls run in native threads, for drivers that block in C."""

    @classmethod
    def connect(cls, db_module: Any, connect_timeout: float, *args: Any, **kw: Any) -> Any:
        """Return a proxy of a new connection. Raises ConnectTimeout after `connect_timeout` seconds."""
        timeout = Timeout(connect_timeout, ConnectTimeout())
        try:
            made = tpool.execute(db_module.connect, *args, **kw)
            return tpool.Proxy(made, autowrap_names=("cursor",))
        finally:
            timeout.cancel()


class RawConnectionPool(BaseConnectionPool):
    """A pool of plain connections, for drivers whose waits are cooperative."""

    @classmethod
    def connect(cls, db_module: Any, connect_timeout: float, *args: Any, **kw: Any) -> Any:
        """Return a new connection. Raises ConnectTimeout after `connect_timeout` seconds."""
        timeout = Timeout(connect_timeout, ConnectTimeout())
        try:
            return db_module.connect(*args, **kw)
        finally:
            timeout.cancel()


ConnectionPool: type[TpooledConnectionPool] = TpooledConnectionPool


class GenericConnectionWrapper:
    """Stands for a connection and passes all calls to it. Argument: `baseconn`, the connection."""

    def __init__(self, baseconn: Any) -> None:
        self._base = baseconn

    def __getattr__(self, name: str) -> Any:
        if name == "_base":
            raise AttributeError(name)
        return getattr(self._base, name)

    def __enter__(self) -> Any:
        return self._base.__enter__()

    def __exit__(self, *exc_info: Any) -> Any:
        return self._base.__exit__(*exc_info)

    def __repr__(self) -> str:
        return repr(self._base)


class PooledConnectionWrapper(GenericConnectionWrapper):
    """A connection whose `close` gives it back to its pool. It is false from then on.

    Arguments: `baseconn`, the connection, and `pool`.
    """

    def __init__(self, baseconn: Any, pool: BaseConnectionPool) -> None:
        super().__init__(baseconn)
        self._pool: BaseConnectionPool | None = pool
        self._db_pool_created_at = 0.0

    def __bool__(self) -> bool:
        return self._base is not None

    def _destroy(self) -> None:
        self._base = None
        self._pool = None

    def close(self) -> None:
        """Give the connection back to its pool. No-op if that has happened."""
        if self and self._pool is not None:
            self._pool.put(self)
        self._destroy()

    def __del__(self) -> None:
        # Only closed: a finalizer must not wait.
        base, pool = self._base, self._pool
        if base is not None and pool is not None:
            self._destroy()
            pool._forget()
            pool._safe_close(base, quiet=True)


class DatabaseConnector:
    """Pools for several hosts and databases.

    Arguments: `module`, the driver; `credentials`, a mapping of hosts (or "default") to keyword arguments of
    ``connect``; `conn_pool`, the class of the pools (default: ConnectionPool); the arguments of that class.
    """

    def __init__(
        self, module: Any, credentials: Any, conn_pool: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        self._module = module
        self._args = args
        self._kwargs = kwargs
        self._conn_pool_class = ConnectionPool if conn_pool is None else conn_pool
        # The pools by host and database.
        self.databases: dict[Any, Any] = {}
        self.credentials = credentials

    def credentials_for(self, host: str) -> Any:
        """Return the keyword arguments for a host, or those of "default" if it has none."""
        if host in self.credentials:
            return self.credentials[host]
        return self.credentials.get("default", None)

    def get(self, host: str, dbname: str) -> Any:
        """Return the pool for a database of a host; the first call for them makes it."""
        key = (host, dbname)
        if key not in self.databases:
            kwargs = dict(self._kwargs, db=dbname, host=host, **(self.credentials_for(host) or {}))
            self.databases[key] = self._conn_pool_class(self._module, *self._args, **kwargs)
        return self.databases[key]


__getattr__: Callable[[str], Any] = missing_names(__name__)
