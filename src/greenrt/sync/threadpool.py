"""ThreadPool: native threads for calls that would block all greenlets."""

import sys
from collections.abc import Callable
from contextlib import suppress
from weakref import ref

from greenrt import _atfork, _original, _providers
from greenrt._arguments import as_integer
from greenrt._deadline import Deadline
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.deadlock import calls_underway, idle_threads
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import checked_seconds
from greenrt._hub.resident import END_SECONDS, wait_until_gone
from greenrt._hub.wait_many import joinall
from greenrt._native.helper import admit_signals, refuse_signals, start_helper
from greenrt._render import render
from greenrt._typing import Any, ParamSpec, TypeVar
from greenrt.errors import Cancelled, LoopClosed
from greenrt.sync.async_result import AsyncResult
from greenrt.sync.event import Event
from greenrt.sync.map_mixin import Mapping
from greenrt.sync.queue import Empty, SimpleQueue
from greenrt.sync.semaphore import Semaphore

__all__ = ["ThreadPool", "all_threadpools"]

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_SIZE = 10

# All existing pools, by id.
_pools: "dict[int, ref[ThreadPool]]" = {}


def all_threadpools() -> "list[ThreadPool]":
    """Return all pools. Any thread may call this."""
    found = [reference() for reference in list(_pools.values())]
    return [pool for pool in found if pool is not None]


class _Hooks:
    """Applies the hooks of threading.settrace and threading.setprofile to a call."""

    def __enter__(self) -> None:
        # Don't import `threading` for this: a program without it has set no hooks.
        threading = sys.modules.get("threading")
        self._trace = getattr(threading, "_trace_hook", None)
        self._profile = getattr(threading, "_profile_hook", None)
        if self._trace is not None:
            sys.settrace(self._trace)
        if self._profile is not None:
            sys.setprofile(self._profile)

    def __exit__(self, *exc_info: object) -> None:
        if self._profile is not None:
            sys.setprofile(None)
        if self._trace is not None:
            sys.settrace(None)


class _Job:
    """A call in the pool. The waiter runs in a hub (`loop`), or is a native thread without a hub (`loop` is None)."""

    def __init__(
        self, pool: "ThreadPool", function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.settled = pool._settled
        self.function: Callable[..., Any] | None = function
        self.args = args
        self.kwargs = kwargs
        self.result: AsyncResult[Any] = AsyncResult()
        hub = hub_for_waiting()
        self.loop = None if hub is None else hub.loop
        # The thread that gets this job counts as idle until the job runs; others may wait for the pool meanwhile.
        calls_underway.add(self)

    def run(self) -> None:
        """Make the call and hand over its outcome."""
        function, self.function = self.function, None
        assert function is not None
        value: Any = None
        error: BaseException | None = None
        admit_signals()
        try:
            with _Hooks():
                value = function(*self.args, **self.kwargs)
        except BaseException as raised:
            error = raised
        finally:
            refuse_signals()
        # Drop the arguments now rather than when the thread runs its next job.
        self.args, self.kwargs = (), {}
        self.hand_over(value, error)
        # The traceback refers to this frame, which must keep neither the error nor the job, whose result it is.
        error = None
        self = None  # type: ignore[assignment]

    def hand_over(self, value: Any, error: BaseException | None) -> None:
        """Schedule `settle` on the waiter's thread, or call it here if the waiter has no hub."""
        try:
            if self.loop is None:
                self.settle(value, error)
            else:
                self.loop.run_callback_threadsafe(self.settle, value, error)
        except LoopClosed:
            # The waiter's hub has ended, so nothing waits for the result.
            self.settled(self)
        finally:
            calls_underway.discard(self)

    def settle(self, value: Any, error: BaseException | None) -> None:
        """Set the result, which wakes up the waiters."""
        if self.loop is not None:
            self.loop.unref()
        if error is None:
            self.result.set(value)
        else:
            self.result.set_exception(error)
        self.settled(self)


class ThreadPool(Mapping):
    """Native threads that make calls for greenlets. gevent's class of the same name.

    The pool starts a thread when it needs one. Any thread may call `spawn`. If a greenlet is killed while it waits,
    the call keeps running and its result is dropped. The threads don't delay the end of the process. A fork ends
    the threads without a job. The child of a fork starts threads of its own; a waiter in the child for a job of the
    parent's threads gets Cancelled.

    Arguments: `maxsize`, the largest number of threads (0 or more; with 0, calls wait until it is set to more);
    `hub`, the value of the attribute (default: the calling thread's hub); `idle_task_timeout`, after how many seconds
    without a job a thread ends (-1: never). Raises TypeError or ValueError for other values. Attributes: `maxsize`,
    `size`, `hub` and `idle_task_timeout`.
    """

    def __init__(self, maxsize: int = DEFAULT_SIZE, hub: Any = None, idle_task_timeout: float = -1) -> None:
        maxsize = as_integer(maxsize, "maxsize", 0)
        checked_seconds(idle_task_timeout, "idle_task_timeout")
        self.hub: Any = hub if hub is not None else hub_for_waiting()
        self.idle_task_timeout = idle_task_timeout
        self._maxsize = maxsize
        self._closed = False
        self._begin()
        key = id(self)
        _pools[key] = ref(self, lambda _: _pools.pop(key, None))

    def _begin(self) -> None:
        self._room = Semaphore(self._maxsize)
        # How many outstanding calls are above `maxsize`, because it became smaller.
        self._surplus = 0
        # A None in this queue ends a thread.
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        # How many threads serve the queue, without the threads for which a None is queued. The pool does not rely on
        # what threads do by themselves: each change, and each decision that uses the number, holds `_counting`.
        self._serving = 0
        # One entry for each living thread; append and pop are atomic.
        self._threads: list[None] = []
        self._outstanding: set[_Job] = set()
        # Re-entrant: a signal handler or a finalizer may call `spawn` while the lock is held.
        self._counting = _original.RLock()
        self._all_done = Event()
        self._all_done.set()
        # Greenlets of `apply_async` and `map_async`, which spawn here.
        self._spawners: set[Greenlet] = set()
        # The identifiers of the pool's threads, with those of the kernel.
        self._working: dict[int, int] = {}

    @property
    def maxsize(self) -> int:
        """The largest number of threads. Can be set; a smaller value ends surplus threads."""
        return self._maxsize

    @maxsize.setter
    def maxsize(self, value: int) -> None:
        value = as_integer(value, "maxsize", 0)
        with self._counting:
            change = value - self._maxsize
            self._maxsize = value
            for _ in range(-change):
                if not self._room.acquire(blocking=False):
                    self._surplus += 1
        for _ in range(change):
            self._give_room()
        self.adjust()

    @property
    def size(self) -> int:
        """The number of threads that serve the pool.

        Setting it starts threads, or ends some after the calls that are queued. Raises ValueError for a number below
        0 or above `maxsize`.
        """
        return self._serving

    @size.setter
    def size(self, value: int) -> None:
        value = as_integer(value, "size", 0)
        if value > self._maxsize:
            raise ValueError(f"size must be at most maxsize, which is {self._maxsize}, not {value!r}")
        with self._counting:
            while self._serving < value:
                self._start_thread()
            self._end_threads(self._serving - value)

    def _give_room(self) -> None:
        """Let one more call in, unless `maxsize` has become smaller meanwhile."""
        with self._counting:
            if self._surplus > 0:
                self._surplus -= 1
                return
        self._room.release()

    def __len__(self) -> int:
        return len(self._outstanding)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} jobs={len(self)} size={self.size} maxsize={self._maxsize}>"

    def adjust(self) -> None:
        """End the threads beyond `maxsize`, after the calls that are queued. Never waits."""
        with self._counting:
            self._end_threads(self._serving - self._maxsize)

    def spawn(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R]:
        """Call ``function(*args, **kwargs)`` in a thread of the pool; return its AsyncResult.

        Park until a thread is free. Raises TypeError if `function` is not callable, and RuntimeError if the pool is
        closed.
        """
        if not callable(function):
            raise TypeError(f"function must be callable, not {function!r}; write spawn(fn, *args)")
        self._check_open()
        room = self._take_room()
        try:
            # Another greenlet or thread may have closed the pool while the caller waited.
            self._check_open()
            job = _Job(self, function, args, kwargs)
        except BaseException:
            room.release()
            raise
        if job.loop is not None:
            job.loop.ref()
        with self._counting:
            self._outstanding.add(job)
            self._all_done.clear()
            try:
                # Each outstanding job may occupy a thread, even if it has just handed over its result.
                if len(self._outstanding) > self._serving and self._serving < self._maxsize:
                    self._start_thread()
            except BaseException:
                # The system has no more threads or no memory. The job waits for another thread, if there is one.
                if not self._serving:
                    if job.loop is not None:
                        job.loop.unref()
                    calls_underway.discard(job)
                    self._settled(job)
                    raise
            self._jobs.put(job)
        return job.result

    def _take_room(self) -> Semaphore:
        while True:
            room = self._room
            room.acquire()
            if room is self._room:
                return room
            # The process forked while the caller waited: wake up the next waiter too.
            room.release()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"{self!r} is closed; make a new ThreadPool")

    def _settled(self, job: _Job) -> None:
        with self._counting:
            if job not in self._outstanding:
                return
            self._outstanding.discard(job)
            if not self._outstanding:
                self._all_done.set()
        self._give_room()

    def _start_thread(self) -> None:
        self._threads.append(None)
        try:
            start_helper(self._work, (self._jobs, self._threads))
        except BaseException:
            self._threads.pop()
            raise
        self._serving += 1

    def _work(self, jobs: SimpleQueue[_Job | None], threads: list[None]) -> None:
        ident = _original.get_ident()
        working = self._working
        working[ident] = _original.get_native_id()
        try:
            self._serve(jobs)
        finally:
            working.pop(ident, None)
            threads.pop()

    def _serve(self, jobs: SimpleQueue[_Job | None]) -> None:
        ident = _original.get_ident()
        limit = None if self.idle_task_timeout < 0 else self.idle_task_timeout
        while True:
            idle_threads.add(ident)
            try:
                job = jobs.get(timeout=limit)
            except Empty:
                if self._may_leave(jobs):
                    return
                continue
            finally:
                idle_threads.discard(ident)
            if job is None:
                return
            job.run()
            del job

    def _may_leave(self, jobs: SimpleQueue[_Job | None]) -> bool:
        """Stop counting the calling thread, which has been idle too long; return False if work has arrived."""
        with self._counting:
            if not jobs.empty():
                return False
            # After `kill` the thread is not counted any more, and a None that ends it is on its way.
            if jobs is not self._jobs:
                return False
            self._serving -= 1
            return True

    def join(self) -> None:
        """Park until no job and no call of `apply_async` or `map_async` is outstanding."""
        self._all_done.wait()
        while self._spawners:
            # Remove them here: their links, which would do it, have not been called yet when `joinall` returns.
            self._spawners.difference_update(joinall(list(self._spawners)))
            self._all_done.wait()

    def full(self) -> bool:
        """Return whether `spawn` would have to wait."""
        return self._room.locked()

    def _runs_inside(self) -> bool:
        return _original.get_ident() in self._working

    def _track(self, greenlet: Greenlet[R]) -> Greenlet[R]:
        spawners = self._spawners
        spawners.add(greenlet)
        greenlet.rawlink(spawners.discard)
        greenlet.start()
        return greenlet

    def _call_back(self, callback: Callable[[R], object], result: R) -> None:
        callback(result)

    def close(self, wait: bool = True) -> None:
        """Refuse further calls, and end the threads after the outstanding calls. Idempotent.

        If `wait` is true, park until the outstanding calls have been made.
        """
        self._closed = True
        with self._counting:
            self._end_threads(self._serving)
        if wait:
            self.join()

    def kill(self) -> None:
        """End the threads after their current calls. A waiter for a call that has not started gets Cancelled.

        Never waits. Later calls of `spawn` use new threads.
        """
        with self._counting:
            self._end_threads(self._serving)
            # The old threads must not take jobs of new threads, and new threads must not take a None for an old one.
            old, self._jobs = self._jobs, SimpleQueue()
            left = []
            with suppress(Empty):
                while True:
                    left.append(old.get_nowait())
            for job in left:
                if job is None:
                    old.put(None)
        for job in left:
            if job is not None:
                job.hand_over(None, Cancelled(f"{self!r} was killed before it called {render(job.function)}"))

    def _end_threads(self, count: int) -> None:
        for _ in range(count):
            self._jobs.put(None)
            self._serving -= 1

    def _end_idle_threads(self) -> None:
        """End the threads that no call needs, and wait until the kernel has removed them."""
        before = self._working.copy()
        with self._counting:
            busy = len(self._outstanding)
            self._end_threads(self._serving - busy)
        deadline = Deadline(END_SECONDS)
        while len(self._threads) > busy and deadline.left():
            _original.sleep(0.0001)
        for ident in before.keys() - self._working.keys():
            wait_until_gone(before[ident])

    def _forked(self) -> None:
        """Start over in the child of a fork, which has none of the parent's threads."""
        lost, room = self._outstanding, self._room
        self._begin()
        room.release()
        for job in lost:
            if job.loop is None or job.loop.on_owner_thread():
                job.settle(None, Cancelled(f"a thread of the parent process calls {job.function!r}"))


def _end_idle_threads() -> None:
    # CPython 3.12 and later warn of a fork in a process with several threads, and the program has started none if
    # only `os.system` or the like has used a pool.
    for pool in all_threadpools():
        pool._end_idle_threads()


def _forget_threads() -> None:
    for pool in all_threadpools():
        pool._forked()


_atfork.register(_atfork.BEFORE, _end_idle_threads)
_atfork.register(_atfork.RUNTIME, _forget_threads)
_providers.make_threadpool = lambda hub: ThreadPool(DEFAULT_SIZE, hub)
