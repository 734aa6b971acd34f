"""gevent.threadpool: greenrt's pools of native threads."""

from collections.abc import Callable

from greenrt._hub.current_hub import get_hub_if_exists
from greenrt._loop.loop import Loop
from greenrt._typing import Any, ParamSpec, TypeVar
from greenrt.compat._missing import missing_names
from greenrt.errors import InvalidThreadUseError
from greenrt.sync import AsyncResult, Semaphore, SimpleQueue, ThreadPoolExecutor
from greenrt.sync import ThreadPool as _ThreadPool

__all__ = ["ThreadPool", "ThreadPoolExecutor", "ThreadResult"]

P = ParamSpec("P")
R = TypeVar("R")


class ThreadPool(_ThreadPool):
    """greenrt's ThreadPool with two habits of gevent's; see `greenrt.ThreadPool`.

    It takes one call more than it has threads. Only the thread of its hub may spawn.
    """

    def _begin(self) -> None:
        super()._begin()
        self._room = Semaphore(self._maxsize + 1)

    def spawn(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Call ``function(*args, **kwargs)`` in a thread of the pool; see `greenrt.ThreadPool.spawn`.

        Raises InvalidThreadUseError in a thread with another hub, or with none.
        """
        if self.hub is not None and self.hub is not get_hub_if_exists():
            raise InvalidThreadUseError(
                f"{self!r} belongs to another thread; use greenrt.ThreadPool in several threads"
            )
        return super().spawn(function, *args, **kwargs)

    def adjust(self) -> None:
        """End the threads beyond `maxsize`, and start those that calls wait for. Never waits."""
        super().adjust()
        with self._counting:
            while self._serving < min(self._maxsize, len(self)):
                self._start_thread()

    def kill(self) -> None:
        """End the threads after the calls that are queued. Never waits. Later calls of `spawn` use new threads."""
        with self._counting:
            if self._serving:
                self._end_threads(self._serving)
                # The old threads have this queue to themselves.
                self._jobs = SimpleQueue()
                return
        super().kill()


class ThreadResult:
    """The result of a call in a native thread, which is passed to a receiver in the hub's thread.

    Arguments: `receiver`, called with this object once there is a result; `hub`, whose thread calls it, and whose
    `handle_error` gets errors; `call_when_ready`, called before the receiver, or None.

    Attributes: `value`, `exc_info` (empty without an error) and `exception`.
    """

    def __init__(
        self, receiver: Callable[[Any], object], hub: Any, call_when_ready: Callable[[], object] | None = None
    ) -> None:
        self.receiver: Any = receiver
        self.hub: Any = hub
        self.value: Any = None
        self.context: Any = None
        self.exc_info: Any = ()
        self._call_when_ready = call_when_ready
        self._loop: Loop | None = hub.loop
        hub.loop.ref()

    @property
    def exception(self) -> BaseException | None:
        """The error of the call, or None."""
        return self.exc_info[1] if self.exc_info else None

    def set(self, value: Any) -> None:
        """Set the result. Any thread calls this once."""
        self.value = value
        self._send()

    def handle_error(self, context: object, exc_info: Any) -> None:
        """Set the error, as `sys.exc_info` returns it. Any thread calls this once."""
        self.context = context
        self.exc_info = exc_info
        self._send()

    def successful(self) -> bool:
        """Return whether the call had no error."""
        return self.exception is None

    def _send(self) -> None:
        loop = self._loop
        if loop is not None:
            loop.run_callback_threadsafe(self._receive)

    def _receive(self) -> None:
        hub, receiver = self.hub, self.receiver
        self.destroy_in_main_thread()
        try:
            if self._call_when_ready is not None:
                self._call_when_ready()
            if self.exc_info:
                hub.handle_error(self.context, *self.exc_info)
            self.context = None
            receiver(self)
        finally:
            if self.exc_info:
                # A traceback refers to the frames of the call.
                self.exc_info = (self.exc_info[0], self.exc_info[1], None)

    def destroy_in_main_thread(self) -> None:
        """Drop the receiver: a result that comes later is not passed on. The hub's thread calls this."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.unref()
        self.hub = self.receiver = None


__getattr__: Callable[[str], Any] = missing_names(__name__, {})
