"""ThreadPoolExecutor: concurrent.futures over a ThreadPool."""

from collections.abc import Callable

from greenrt import _original
from greenrt._arguments import as_integer
from greenrt._typing import Any
from greenrt.sync.async_result import AsyncResult
from greenrt.sync.event import Event
from greenrt.sync.threadpool import DEFAULT_SIZE, ThreadPool

__all__ = ["ThreadPoolExecutor"]

_futures = _original.late_module("concurrent.futures")
_Executor: Any = _futures.Executor
_StdlibFuture: Any = _futures.Future


class ThreadPoolExecutor(_Executor):  # type: ignore[misc]
    """concurrent.futures.ThreadPoolExecutor over a ThreadPool: waiting for a future suspends the greenlet only."""

    def __init__(self, max_workers: int | None = None) -> None:
        self._pool = ThreadPool(
            DEFAULT_SIZE if max_workers is None else as_integer(max_workers, "max_workers", 1)
        )
        self._shut = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Start ``fn(*args, **kwargs)``; return its future."""
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = _Future()
        result = self._pool.spawn(fn, *args, **kwargs)
        future.set_running_or_notify_cancel()
        result.rawlink(future._take_over)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, wait for those there are, of which `cancel_futures` drops the unbegun."""
        self._shut = True
        if cancel_futures:
            self._pool.kill()
        self._pool.close(wait)

    kill = shutdown


class _Future(_StdlibFuture):  # type: ignore[misc]
    """A future that a greenlet can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._settled = Event()

    def _take_over(self, source: AsyncResult) -> None:
        if source.exception is not None:
            self.set_exception(source.exception)
        else:
            self.set_result(source.value)
        self._settled.set()

    def result(self, timeout: float | None = None) -> Any:
        """Return the call's result or raise its error; TimeoutError after `timeout` seconds."""
        self._settled.wait(timeout)
        return super().result(timeout=0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the call's error or None; TimeoutError after `timeout` seconds."""
        self._settled.wait(timeout)
        return super().exception(timeout=0)  # type: ignore[no-any-return]
