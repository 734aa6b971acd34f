"""eventlet.greenpool: greenthreads of limited number, and their results in the order of their start."""

from collections.abc import Callable, Iterable, Iterator

from greenlet import getcurrent

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from .event import Event
from .greenthread import GreenThread, spawn
from .queue import LightQueue
from .semaphore import Semaphore

__all__ = ["GreenPile", "GreenPool"]

# Eventlet's switch for the tracebacks of `spawn_n`. Here `debug.hub_exceptions` switches all tracebacks.
DEBUG = True


class GreenPool:
    """At most `size` greenthreads; `spawn` waits for a free place.

    Raises TypeError if `size` is not a number, ValueError if it is negative. Attributes: `size`;
    `coroutines_running`, the set of the greenthreads; `sem`, the semaphore of the free places.
    """

    def __init__(self, size: Any = 1000) -> None:
        try:
            count = int(size)
        except ValueError as error:
            raise TypeError(f"GreenPool needs a number, not {size!r}") from error
        if count < 0:
            raise ValueError(f"GreenPool needs a number of 0 or more, not {size!r}")
        self.size: int = count
        self.coroutines_running: set[Any] = set()
        self.sem: Semaphore = Semaphore(count)
        self.no_coros_running: Event = Event()

    def resize(self, new_size: int) -> None:
        """Change the number of places. Greenthreads beyond it run to their end."""
        change = new_size - self.size
        self.size = new_size
        if change > 0:
            for _ in range(change):
                self.sem.release()
        else:
            self.sem.counter += change

    def running(self) -> int:
        """Return the number of greenthreads."""
        return len(self.coroutines_running)

    def free(self) -> int:
        """Return the number of free places."""
        return self.sem.counter

    def waiting(self) -> int:
        """Return the number of greenthreads that wait for a place."""
        return max(0, -self.sem.balance)

    def spawn(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
        """Wait for a place and run ``function(*args, **kwargs)`` in a greenthread there; return the greenthread.

        If a greenthread of the full pool calls this, it lends its own place and waits for the end of the new one.
        """
        if self.sem.locked() and getcurrent() in self.coroutines_running:
            return self._spawn_in_place(function, args, kwargs)
        self.sem.acquire()
        try:
            made = spawn(function, *args, **kwargs)
        except BaseException:
            self.sem.release()
            raise
        if not self.coroutines_running:
            self.no_coros_running = Event()
        self.coroutines_running.add(made)
        made.rawlink(self._spawn_done)
        return made

    def _spawn_in_place(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> GreenThread:
        owner = getcurrent()
        made = spawn(function, *args, **kwargs)
        self.coroutines_running.discard(owner)
        self.coroutines_running.add(made)
        try:
            made.join()
        except BaseException:
            made.kill()
            raise
        finally:
            self.coroutines_running.discard(made)
            self.coroutines_running.add(owner)
        return made

    def spawn_n(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Like `spawn`, without a result."""
        self.spawn(function, *args, **kwargs)

    def _spawn_done(self, ended: GreenThread) -> None:
        self.coroutines_running.discard(ended)
        self.sem.release()
        if not self.coroutines_running and not self.no_coros_running.ready():
            self.no_coros_running.send(None)

    def waitall(self) -> None:
        """Wait until the pool has no greenthreads. Raises AssertionError in a greenthread of the pool."""
        assert getcurrent() not in self.coroutines_running, (
            "Calling waitall() from within one of the GreenPool's greenthreads will deadlock."
        )
        if self.running():
            self.no_coros_running.wait()

    def starmap(self, function: Callable[..., Any] | None, iterable: Iterable[Any]) -> "GreenMap":
        """Return an iterator of ``function(*item)`` for each item, in their order. None returns each item as a tuple.

        The calls run in the pool. The iterator takes items from `iterable` as it advances.
        """
        mapped = GreenMap(self)
        spawn(_map, function if function is not None else _pack, iter(iterable), mapped)
        return mapped

    def imap(self, function: Callable[..., Any] | None, *iterables: Iterable[Any]) -> "GreenMap":
        """Return an iterator of the results of ``function`` for items of all `iterables`, like `map`."""
        return self.starmap(function, zip(*iterables, strict=False))


def _pack(*items: Any) -> tuple[Any, ...]:
    return items


def _map(function: Callable[..., Any], items: Iterator[Any], mapped: "GreenMap") -> None:
    try:
        for item in items:
            mapped.spawn(function, *item)
    finally:
        mapped.done_spawning()


class GreenPile:
    """Greenthreads whose results come in the order of their start: iterate over the pile.

    Argument: `size_or_pool`, the GreenPool to use, or the size of a new one.
    """

    def __init__(self, size_or_pool: Any = 1000) -> None:
        self.pool: GreenPool = (
            size_or_pool if isinstance(size_or_pool, GreenPool) else GreenPool(size_or_pool)
        )
        self.waiters: LightQueue = LightQueue()
        self.counter: int = 0

    def spawn(self, func: Callable[..., Any], *args: Any, **kw: Any) -> None:
        """Run ``func(*args, **kw)`` in the pool; the iteration returns its result."""
        self.counter += 1
        try:
            made = self.pool.spawn(func, *args, **kw)
            self.waiters.put(made)
        except BaseException:
            self.counter -= 1
            raise

    def __iter__(self) -> Any:
        return self

    def next(self) -> Any:
        """Wait for the next result; return it, or raise the exception of its call."""
        if self.counter == 0:
            raise StopIteration
        return self._next()

    __next__ = next

    def _next(self) -> Any:
        try:
            return self.waiters.get().wait()
        finally:
            self._taken()

    def _taken(self) -> None:
        """Count a result that was taken."""
        self.counter -= 1


class GreenMap(GreenPile):
    """The iterator that `GreenPool.imap` returns. It holds as many results as the pool has places."""

    def __init__(self, size_or_pool: Any) -> None:
        super().__init__(size_or_pool)
        self.waiters: LightQueue = LightQueue(maxsize=self.pool.size)
        self._done = False

    def done_spawning(self) -> None:
        """Announce that no call follows."""
        self.waiters.put(StopIteration)

    def next(self) -> Any:
        """Wait for the next result; return it, or raise the exception of its call."""
        if self._done:
            raise StopIteration
        found = self.waiters.get()
        if found is StopIteration:
            self._done = True
            raise StopIteration
        self._taken()
        return found.wait()

    __next__ = next


__getattr__: Callable[[str], Any] = missing_names(__name__)
