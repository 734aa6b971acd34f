"""Waiting for several objects: wait, iwait, joinall, killall."""

from collections.abc import Callable, Iterable
from math import inf

from greenlet import greenlet

from greenrt._arguments import as_integer, check_iterable
from greenrt._hub import current_hub
from greenrt._hub.greenlet import Greenlet, kill
from greenrt._hub.links import Notifier
from greenrt._hub.park import TIMED_OUT, Park, as_seconds, new_park
from greenrt._typing import Any, Generic, Protocol, Self, SupportsFloat, Throwable, TypeVar, overload
from greenrt.errors import GreenletExit

__all__ = ["iwait", "joinall", "killall", "wait"]


class Waitable(Protocol):
    """An object for which `wait` waits: Greenlet, Event, AsyncResult, Semaphore and others."""

    def rawlink(self, callback: Callable[[Any], object], /) -> None:
        """Call ``callback(object)`` in the hub once the object is ready."""

    def unlink(self, callback: Callable[[Any], object], /) -> None:
        """Remove a callback that `rawlink` added."""


W = TypeVar("W", bound=Waitable)


class Collector(Notifier):
    """Collects the objects that get ready, and wakes its park when enough of them are."""

    __slots__ = ("lost", "needed", "park", "ready")

    def __init__(self) -> None:
        self.ready: list[Any] = []
        self.needed = 0
        self.park: Park | None = None
        # Whether there was no memory to note a ready object.
        self.lost = False

    def notify(self, source: Any) -> None:
        """See `Notifier.notify`."""
        try:
            self.ready.append(source)
        except MemoryError:
            # The waiter raises the error, as it would otherwise wait for ever. It is not raised here, because the
            # source has other listeners to notify.
            self.lost = True
        park = self.park
        if park is not None and (self.lost or len(self.ready) >= self.needed):
            park.wake(True)

    def __call__(self, source: Any) -> None:
        # The program's own objects may not know Notifier; they call the link.
        self.notify(source)

    def wait_for(self, count: int, deadline: float | None, what: Any, given: Any = None) -> bool:
        """Park until `count` objects are ready; return False if the deadline passes first.

        `given` is the timeout from which the deadline was computed. If it is a running Timeout, it ends the wait too.
        `what` describes the wait, for the report. Raises MemoryError if there was no memory to note a ready object.
        """
        if len(self.ready) >= count:
            return True
        self.needed = count
        park = new_park(what)
        self.park = park
        # Another thread may have notified the collector before `park` was set.
        if len(self.ready) >= count:
            return True
        timeout: Any = None if deadline is None else deadline - current_hub.get_hub().loop.clock.now()
        if timeout == inf:
            timeout = given
        arrived = True if self.lost else park.wait(timeout) is not TIMED_OUT
        if self.lost:
            raise MemoryError("there was no memory to note which of the objects are ready")
        return arrived


def _deadline(timeout: Any) -> float | None:
    return None if timeout is None else current_hub.get_hub().loop.clock.now() + as_seconds(timeout)


def _link_all(objects: Iterable[Any], collector: Collector) -> list[Any]:
    linked: list[Any] = []
    for item in check_iterable(objects, "objects"):
        rawlink = getattr(item, "rawlink", None)
        if rawlink is None:
            for other in linked:
                other.unlink(collector)
            raise TypeError(f"{item!r} can't be waited for: it has no rawlink() method")
        rawlink(collector)
        linked.append(item)
    return linked


@overload
def wait(objects: None = None, timeout: SupportsFloat | None = None, count: int | None = None) -> bool: ...


@overload
def wait(objects: Iterable[W], timeout: SupportsFloat | None = None, count: int | None = None) -> list[W]: ...


# For a list of objects of several classes: mypy takes the nearest common base for W, and that is not waitable.
@overload
def wait(  # type: ignore[overload-cannot-match]
    objects: Iterable[Waitable], timeout: SupportsFloat | None = None, count: int | None = None
) -> list[Any]: ...


def wait(
    objects: Iterable[Any] | None = None, timeout: SupportsFloat | None = None, count: int | None = None
) -> Any:
    """Wait until `count` of `objects` (None: all) are ready, or for `timeout` seconds; return the ready objects.

    Each object has the methods ``rawlink`` and ``unlink``: Greenlet, Event, AsyncResult, Semaphore and others do; for
    other objects TypeError is raised. The ready objects are returned in the order in which they became ready.

    If `objects` is None, wait until the thread's loop has nothing left to do. Then the result is whether the loop got
    there before the timeout. Only the main greenlet may do this.
    """
    if objects is None:
        return current_hub.get_hub().join(timeout=timeout)
    limit = inf if count is None else as_integer(count, "count", 0)
    collector = Collector()
    deadline = _deadline(timeout)
    linked = _link_all(objects, collector)
    try:
        needed = int(min(limit, len(linked)))
        if not collector.wait_for(needed, deadline, ("{} of {} objects", needed, len(linked)), timeout):
            current_hub.raise_own_error(timeout)
        return collector.ready[:needed] if count is not None else list(collector.ready)
    finally:
        if len(collector.ready) < len(linked):
            for item in linked:
                item.unlink(collector)


class iwait(Generic[W]):
    """Iterate over `objects` in the order in which they get ready. gevent's class of the same name.

    It is also a context manager, which removes its links from the objects if the iteration ends early.

    Arguments:
    objects: the objects to wait for, as in `wait`.
    timeout: the time in seconds after which the iteration ends (None: no limit), counted from the construction.
    count: the number of objects after which the iteration ends (None: all).
    """

    def __init__(
        self, objects: Iterable[W], timeout: SupportsFloat | None = None, count: int | None = None
    ) -> None:
        limit = inf if count is None else as_integer(count, "count", 0)
        self._timeout = timeout
        self._deadline = _deadline(timeout)
        self._collector = Collector()
        self._linked = _link_all(objects, self._collector)
        self._left = int(min(limit, len(self._linked)))
        self._taken = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> W:
        if self._left <= 0:
            self._unlink()
            raise StopIteration
        what = ("the next of {} objects", len(self._linked))
        try:
            arrived = self._collector.wait_for(self._taken + 1, self._deadline, what, self._timeout)
        except BaseException:
            self._unlink()
            raise
        if not arrived:
            self._left = 0
            self._unlink()
            current_hub.raise_own_error(self._timeout)
            raise StopIteration
        self._left -= 1
        self._taken += 1
        return self._collector.ready[self._taken - 1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._unlink()

    def _unlink(self) -> None:
        for item in self._linked:
            item.unlink(self._collector)
        self._linked = []


def joinall(
    greenlets: Iterable[W],
    timeout: SupportsFloat | None = None,
    raise_error: bool = False,
    count: int | None = None,
) -> list[W]:
    """Wait until `count` of `greenlets` (None: all) have finished; return these, in the order of their end.

    Wait for at most `timeout` seconds (None: no limit). If `raise_error` is true and a greenlet fails, raise its
    error at once.
    """
    check_iterable(greenlets, "greenlets")
    if not raise_error:
        return wait(greenlets, timeout=timeout, count=count)
    done = []
    with iwait(greenlets, timeout=timeout, count=count) as finished:
        for greenlet in finished:
            exc_info = getattr(greenlet, "exc_info", None)
            if exc_info is not None:
                raise exc_info[1].with_traceback(exc_info[2])
            done.append(greenlet)
    return done


def killall(
    greenlets: Iterable[greenlet],
    exception: Throwable = GreenletExit,
    block: bool = True,
    timeout: SupportsFloat | None = None,
) -> None:
    """Raise `exception` in all `greenlets`, raw ones too; if `block` is true, wait until they have finished.

    A greenlet that has not run yet never runs. Raises `greenrt.Timeout` after `timeout` seconds (None: no limit), and
    TypeError if an object is not a greenlet.
    """
    targets = list(check_iterable(greenlets, "greenlets"))
    for target in targets:
        if not isinstance(target, greenlet):
            raise TypeError(f"greenlets must contain greenlets only, not {target!r}")
    for target in targets:
        kill(target, exception)
    if not block:
        return
    waited = [target for target in targets if isinstance(target, Greenlet) and not target.ready()]
    finished = wait(waited, timeout=timeout)
    if len(finished) < len(waited):
        raise current_hub.timeout_error(timeout)
