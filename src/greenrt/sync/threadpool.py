"""ThreadPool: native threads for calls that would block all greenlets."""

import os
from collections.abc import Callable

from greenrt import _original
from greenrt._hub.hub import set_threadpool_factory
from greenrt._hub.slot import get_hub, get_hub_if_exists
from greenrt._hub.wakers import idle_threads
from greenrt._typing import Any
from greenrt.errors import LoopClosed
from greenrt.sync.event import Event
from greenrt.sync.mapping import Mapping
from greenrt.sync.queue import Empty, SimpleQueue
from greenrt.sync.result import AsyncResult
from greenrt.sync.semaphore import Semaphore

__all__ = ["ThreadPool"]

DEFAULT_SIZE = 10


class _Job:
    """A call that is waited for by a hub (`loop`), or by a thread that has none."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function: Callable[..., Any] | None = function
        self.args = args
        self.kwargs = kwargs
        self.result: AsyncResult = AsyncResult()
        hub = get_hub_if_exists()
        self.loop = None if hub is None else hub.loop

    def run(self) -> None:
        """Make the call, and hand over its outcome."""
        function, self.function = self.function, None
        assert function is not None
        value: Any = None
        error: BaseException | None = None
        try:
            value = function(*self.args, **self.kwargs)
        except BaseException as raised:
            error = raised
        # What it was called with is not kept until the next job.
        self.args, self.kwargs = (), {}
        if self.loop is None:
            self.settle(value, error)
            return
        try:
            self.loop.run_callback_threadsafe(self.settle, value, error)
        except LoopClosed:
            # Nobody is left to wait for it.
            pass

    def settle(self, value: Any, error: BaseException | None) -> None:
        """Set the result, on the thread of who waits for it."""
        if self.loop is not None:
            self.loop.unref()
        if error is None:
            self.result.set(value)
        else:
            self.result.set_exception(error)


class ThreadPool(Mapping):
    """Up to `maxsize` native threads, started when needed, that make calls for greenlets. gevent's class.

    Any thread may `spawn`. A greenlet that is killed while it waits leaves the call running; its result is dropped.
    Threads without a job for `idle_task_timeout` seconds end (-1: never). They don't hold up the end of the process.
    """

    def __init__(self, maxsize: int = DEFAULT_SIZE, hub: Any = None, idle_task_timeout: float = -1) -> None:
        if maxsize <= 0:
            raise ValueError(f"a ThreadPool needs at least one thread, not {maxsize!r}")
        self.hub = hub if hub is not None else get_hub()
        self.idle_task_timeout = idle_task_timeout
        self._maxsize = maxsize
        self._begin()

    def _begin(self) -> None:
        self.pid = os.getpid()
        self._room = Semaphore(self._maxsize)
        self._jobs: SimpleQueue = SimpleQueue()
        self._idle = 0
        self._outstanding = 0
        self._all_done = Event()
        self._all_done.set()
        # One entry a thread; append and pop are atomic.
        self._threads: list[None] = []

    @property
    def maxsize(self) -> int:
        """The most threads it has; can be set."""
        return self._maxsize

    @maxsize.setter
    def maxsize(self, value: int) -> None:
        if value <= 0:
            raise ValueError(f"a ThreadPool needs at least one thread, not {value!r}")
        for _ in range(value - self._maxsize):
            self._room.release()
        self._maxsize = value
        self.adjust()

    @property
    def size(self) -> int:
        """How many threads it has."""
        return len(self._threads)

    def __len__(self) -> int:
        return self._outstanding

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} jobs={len(self)} size={self.size} maxsize={self._maxsize}>"

    def adjust(self) -> None:
        """End threads beyond `maxsize`."""
        for _ in range(self.size - self._maxsize):
            self._jobs.put(None)

    def spawn(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> AsyncResult:
        """Call ``function(*args, **kwargs)`` in a thread, after waiting for a free one; return its AsyncResult."""
        if not callable(function):
            raise TypeError(f"a thread runs something callable, not {function!r}; write spawn(fn, *args)")
        if self.pid != os.getpid():
            # The child of a fork: the threads are the parent's.
            self._begin()
        room = self._room
        room.acquire()
        job = _Job(function, args, kwargs)
        if job.loop is not None:
            job.loop.ref()
            job.result.rawlink(lambda result: self._settled(room))
        self._outstanding += 1
        self._all_done.clear()
        self._jobs.put(job)
        if self._idle < self._jobs.qsize() and self.size < self._maxsize:
            self._start_thread()
        return job.result

    def _settled(self, room: Semaphore) -> None:
        self._outstanding -= 1
        if self._outstanding == 0:
            self._all_done.set()
        room.release()

    def _start_thread(self) -> None:
        self._threads.append(None)
        try:
            _original.start_new_thread(self._work, (self._jobs, self._threads))
        except BaseException:
            self._threads.pop()
            raise

    def _work(self, jobs: SimpleQueue, threads: list[None]) -> None:
        ident = _original.get_ident()
        limit = None if self.idle_task_timeout < 0 else self.idle_task_timeout
        try:
            while True:
                self._idle += 1
                idle_threads.add(ident)
                try:
                    job = jobs.get(timeout=limit)
                except Empty:
                    return
                finally:
                    self._idle -= 1
                    idle_threads.discard(ident)
                if job is None:
                    return
                job.run()
                if job.loop is None:
                    self._settled(self._room)
                del job
        finally:
            threads.pop()

    def join(self) -> None:
        """Wait until no job is outstanding."""
        self._all_done.wait()

    def kill(self) -> None:
        """End the threads, after the jobs they are at."""
        for _ in range(self.size):
            self._jobs.put(None)


set_threadpool_factory(lambda hub: ThreadPool(DEFAULT_SIZE, hub))
