"""ThreadPoolExecutor: the interface of concurrent.futures on a ThreadPool."""

from collections.abc import Callable

from greenrt import _original
from greenrt._arguments import as_integer
from greenrt._hub.current_hub import get_hub_if_exists
from greenrt._hub.relay import Relay
from greenrt._typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from greenrt.errors import WouldDeadlock
from greenrt.sync.async_result import AsyncResult
from greenrt.sync.event import Event
from greenrt.sync.threadpool import DEFAULT_SIZE, ThreadPool

__all__ = ["ThreadPoolExecutor"]

P = ParamSpec("P")
T = TypeVar("T")

_NATIVE_LOCK = type(_original.allocate_lock())

if TYPE_CHECKING:
    from concurrent.futures import Executor as _Executor
    from concurrent.futures import Future as _StdlibFuture
else:
    _futures = _original.late_module("concurrent.futures")
    _Executor = _futures.Executor
    _StdlibFuture = _futures.Future


class ThreadPoolExecutor(_Executor):
    """concurrent.futures.ThreadPoolExecutor on a ThreadPool. Waiting for a future parks only the greenlet.

    Argument: `max_workers`, the largest number of threads (1 or more; None: the default size of a ThreadPool). Raises
    TypeError or ValueError for other values.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        self._pool = ThreadPool(
            DEFAULT_SIZE if max_workers is None else as_integer(max_workers, "max_workers", 1)
        )
        self._shut = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "_Future[T]":
        """Start ``fn(*args, **kwargs)`` in a thread; return its future. Raises RuntimeError after `shutdown`."""
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: _Future[T] = _Future()
        result = self._pool.spawn(fn, *args, **kwargs)
        future.set_running_or_notify_cancel()
        result.rawlink(future._take_over)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Refuse further calls. If `wait` is true, park until the outstanding calls have been made.

        If `cancel_futures` is true, drop the calls that have not started.
        """
        self._shut = True
        if cancel_futures:
            self._pool.kill()
        self._pool.close(wait)

    kill = shutdown


class NativeWait(WouldDeadlock, AttributeError):
    """The wait would block the loop that brings the result. In gevent it is an AttributeError."""


class _Waiters(list[Any]):
    """The waiters of a future. `concurrent.futures.wait` and `as_completed` add one.

    Attribute: `done`, whether the future has a result or an error.
    """

    done = False

    def append(self, waiter: Any) -> None:
        """Add a waiter. Raise NativeWait if it is not green, and the calling thread has a hub: it would never end."""
        native = isinstance(waiter.event._cond._lock, _NATIVE_LOCK)
        if native and not self.done and get_hub_if_exists() is not None:
            raise NativeWait(
                "concurrent.futures.wait and as_completed would block this thread and its loop, which brings the "
                "results; call greenrt.wait, or patch"
            )
        super().append(waiter)


class _Future(_StdlibFuture[T]):
    """A future for which a greenlet can wait."""

    def __init__(self) -> None:
        super().__init__()
        self._settled: Any = Event()
        self._waiters: _Waiters = _Waiters()

    def _take_over(self, source: AsyncResult[T]) -> None:
        self._waiters.done = True
        if source.exception is not None:
            self.set_exception(source.exception)
        else:
            value: Any = source.value
            self.set_result(value)
        self._settled.set()

    def rawlink(self, callback: Callable[["_Future[T]"], object]) -> None:
        """Call ``callback(future)`` in the hub once the future is done; `greenrt.wait` calls this."""
        self._settled.rawlink(Relay(callback, self))

    def unlink(self, callback: Callable[["_Future[T]"], object]) -> None:
        """Remove a link that `rawlink` has added. No-op if there is none."""
        self._settled.unlink(callback)

    def result(self, timeout: float | None = None) -> T:
        """Return the call's result or raise its error. Raises TimeoutError after `timeout` seconds (None: never)."""
        self._settled.wait(timeout)
        return super().result(timeout=0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the call's error or None. Raises TimeoutError after `timeout` seconds (None: never)."""
        self._settled.wait(timeout)
        return super().exception(timeout=0)
