"""The methods `map`, `imap`, `apply` and their variants, for groups, pools and thread pools."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from greenrt._arguments import as_integer, check_callable, check_iterable
from greenrt._hub.greenlet import Greenlet
from greenrt._typing import Any, Generic, ParamSpec, Protocol, SupportsFloat, TypeVar, overload
from greenrt.sync.async_result import AsyncResult
from greenrt.sync.queue import SimpleQueue
from greenrt.sync.semaphore import Semaphore

__all__ = ["Mapping"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")
T = TypeVar("T")

# The index in the feeder's last item, which ends the results.
_END = -1


class _Call(Protocol[R_co]):
    """A call that was started: a greenlet or an AsyncResult."""

    def get(self, block: bool = True, timeout: SupportsFloat | None = None) -> R_co:
        """Return the result, or raise the error."""
        raise NotImplementedError

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call ``callback(call)`` after the end."""


class _Results(Generic[R]):
    """An iterator over the results of a function, in the order of the items or of completion.

    A feeder greenlet starts the calls. It pauses while `maxsize` results have not been taken (None: no limit). The
    error of a call is raised in place of its result, and the iteration can continue after it.
    """

    def __init__(
        self,
        spawn: Callable[..., _Call[R]],
        function: Callable[..., R],
        items: Iterable[Any],
        maxsize: int | None,
        ordered: bool,
    ) -> None:
        check_callable(function, "func")
        self._spawn = spawn
        self._function = function
        self._items = items
        self._room = Semaphore(as_integer(maxsize, "maxsize", 1)) if maxsize else None
        self._ordered = ordered
        self._arrived: SimpleQueue[Any] = SimpleQueue()
        self._early: dict[int, Any] = {}
        self._taken = 0
        self._total: int | None = None
        self._feeder = Greenlet.spawn(self._feed)

    def _feed(self) -> None:
        count = 0
        error: BaseException | None = None
        try:
            for args in self._items:
                if self._room is not None:
                    self._room.acquire()
                task = self._spawn(self._function, *args)
                task.rawlink(partial(self._arrive, count))
                count += 1
        except Exception as raised:
            # The iterator raises the iterable's error after all results before it.
            error = raised
        try:
            self._arrived.put((_END, (count, error)))
        finally:
            # The error's traceback refers to this frame. Drop the error to break the reference cycle.
            error = None

    def _arrive(self, index: int, task: Any) -> None:
        self._arrived.put((index, task))

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        while self._total is None or self._taken < self._total:
            task = self._early.pop(self._taken, None)
            if task is None:
                index, task = self._arrived.get()
                if index == _END:
                    self._total, self._error = task
                    continue
                if self._ordered and index != self._taken:
                    self._early[index] = task
                    continue
            self._taken += 1
            if self._room is not None:
                self._room.release()
            # The traceback of an error refers to this frame, so the frame must not refer to the task, which keeps the
            # error.
            taken = [task]
            del task
            return taken.pop().get()
        if self._error is not None:
            # The error's traceback refers to this frame, so no variable of the frame may refer to the error.
            raise self._take_error()
        raise StopIteration

    def _take_error(self) -> BaseException:
        error, self._error = self._error, None
        assert error is not None
        return error

    _error: BaseException | None = None

    @property
    def queue(self) -> SimpleQueue[Any]:
        """The queue of the results that have not been taken. gevent has this attribute; leave the queue alone."""
        return self._arrived

    def kill(self) -> None:
        """Stop the feeder, so that no further calls start."""
        self._feeder.kill()


def _call_here(function: Callable[[T], R], item: T) -> AsyncResult[R]:
    result: AsyncResult[R] = AsyncResult()
    try:
        result.set(function(item))
    except Exception as error:
        result.set_exception(error)
    # The traceback of the error refers to this frame. The frame must not refer to the result, which keeps the error.
    made = [result]
    del result
    return made.pop()


class Mapping:
    """Methods of a class with a `spawn`, named as in gevent. Base of Group, Pool and ThreadPool."""

    def spawn(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> _Call[R]:
        """Start ``function(*args, **kwargs)``; return an object with `get` and `rawlink`."""
        raise NotImplementedError

    def _runs_inside(self) -> bool:
        """Return whether the caller occupies a place that `spawn` may wait for; then it makes the call itself."""
        return False

    def full(self) -> bool:
        """Return whether `spawn` would have to wait."""
        return False

    def _track(self, greenlet: Greenlet[R]) -> Greenlet[R]:
        """Start `greenlet`, which will spawn here, and make `join` wait for it too."""
        raise NotImplementedError

    def _call_back(self, callback: Callable[[R], object], result: R) -> None:
        Greenlet.spawn(callback, result)

    def apply(
        self,
        func: Callable[..., R],
        args: tuple[Any, ...] | None = None,
        kwds: dict[str, Any] | None = None,
    ) -> R:
        """Spawn ``func(*args, **kwds)`` and park until it ends; return its result or raise its error.

        A caller that runs in the group or pool makes the call itself: it must not wait for its own place.
        """
        if self._runs_inside():
            return func(*(args or ()), **(kwds or {}))
        return self.spawn(func, *(args or ()), **(kwds or {})).get()

    def apply_cb(
        self,
        func: Callable[..., R],
        args: tuple[Any, ...] | None = None,
        kwds: dict[str, Any] | None = None,
        callback: Callable[[R], object] | None = None,
    ) -> R:
        """Call `apply`, then ``callback(result)``; return the result.

        The callback runs in a new greenlet; for a ThreadPool it runs in the calling greenlet.
        """
        result = self.apply(func, args, kwds)
        if callback is not None:
            self._call_back(callback, result)
        return result

    def apply_async(
        self,
        func: Callable[..., R],
        args: tuple[Any, ...] | None = None,
        kwds: dict[str, Any] | None = None,
        callback: Callable[[R], object] | None = None,
    ) -> Greenlet[R]:
        """Start ``func(*args, **kwds)`` without waiting for room; return a Greenlet with its result.

        `join` also waits for this Greenlet. `callback`, if given, is called with the result if the call succeeds.
        """
        return self._start_async(func, args or (), kwds or {}, callback)

    def _start_async(self, func: Callable[..., R], args: Any, kwds: Any, callback: Any) -> Greenlet[R]:
        """Start the greenlet of `apply_async`."""
        return self._track(Greenlet(self.apply_cb, func, args, kwds, callback))

    def map(self, func: Callable[[T], R], iterable: Iterable[T]) -> list[R]:
        """Return the results of ``func(item)`` in the order of `iterable`; raise the first error.

        A caller that runs in the group or pool makes the calls itself for which there is no room.
        """
        if not self._runs_inside():
            return list(self.imap(func, iterable))
        results = [_call_here(func, item) if self.full() else self.spawn(func, item) for item in iterable]
        results.reverse()
        try:
            return [results.pop().get() for _ in range(len(results))]
        finally:
            # The errors' tracebacks refer to this frame, so the frame must not refer to the results, which keep the
            # errors.
            results.clear()

    def map_cb(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        callback: Callable[[list[R]], object] | None = None,
    ) -> list[R]:
        """Call `map`, then ``callback(results)``; return the results."""
        results = self.map(func, iterable)
        if callback is not None:
            callback(results)
        return results

    def map_async(
        self,
        func: Callable[[T], R],
        iterable: Iterable[T],
        callback: Callable[[list[R]], object] | None = None,
    ) -> Greenlet[list[R]]:
        """Call `map_cb` in a new Greenlet and return that Greenlet; `join` also waits for it."""
        return self._track(Greenlet(self.map_cb, func, iterable, callback))

    @overload
    def imap(
        self, func: Callable[[T], R], iterable: Iterable[T], /, *, maxsize: int | None = None
    ) -> _Results[R]: ...

    @overload
    def imap(
        self,
        func: Callable[[S, T], R],
        iterable: Iterable[S],
        other: Iterable[T],
        /,
        *,
        maxsize: int | None = None,
    ) -> _Results[R]: ...

    @overload
    def imap(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        other: Iterable[Any],
        third: Iterable[Any],
        /,
        *iterables: Iterable[Any],
        maxsize: int | None = None,
    ) -> _Results[R]: ...

    def imap(
        self, func: Callable[..., Any], *iterables: Iterable[Any], maxsize: int | None = None
    ) -> _Results[Any]:
        """Return an iterator over the results of ``func(*items)`` in the order of the items.

        New calls wait while `maxsize` results have not been taken (None: no limit). The error of a call is raised
        in place of its result.
        """
        return _Results(self.spawn, func, _zip(iterables), maxsize, True)

    @overload
    def imap_unordered(
        self, func: Callable[[T], R], iterable: Iterable[T], /, *, maxsize: int | None = None
    ) -> _Results[R]: ...

    @overload
    def imap_unordered(
        self,
        func: Callable[[S, T], R],
        iterable: Iterable[S],
        other: Iterable[T],
        /,
        *,
        maxsize: int | None = None,
    ) -> _Results[R]: ...

    @overload
    def imap_unordered(
        self,
        func: Callable[..., R],
        iterable: Iterable[Any],
        other: Iterable[Any],
        third: Iterable[Any],
        /,
        *iterables: Iterable[Any],
        maxsize: int | None = None,
    ) -> _Results[R]: ...

    def imap_unordered(
        self, func: Callable[..., Any], *iterables: Iterable[Any], maxsize: int | None = None
    ) -> _Results[Any]:
        """Return an iterator over the results of ``func(*items)`` in the order of completion.

        New calls wait while `maxsize` results have not been taken (None: no limit). The error of a call is raised
        in place of its result.
        """
        return _Results(self.spawn, func, _zip(iterables), maxsize, False)


def _zip(iterables: tuple[Iterable[Any], ...]) -> Iterable[Any]:
    return zip(*(check_iterable(items, "iterable") for items in iterables), strict=False)
