"""Group: a set of greenlets that the caller joins and kills together."""

from collections.abc import Callable, Iterable, Iterator
from weakref import ref

from greenlet import greenlet as raw_greenlet

from greenrt._arguments import check_iterable
from greenrt._hub.greenlet import Greenlet, kill
from greenrt._hub.links import Notifier
from greenrt._hub.wait_many import joinall, killall, wait
from greenrt._native.switch import current, spawns_on_behalf
from greenrt._typing import Any, ParamSpec, SupportsFloat, Throwable, TypeVar
from greenrt.errors import GreenletExit
from greenrt.sync.event import Event
from greenrt.sync.map_mixin import Mapping

__all__ = ["Group"]

P = ParamSpec("P")
R = TypeVar("R")


class _Leaving(Notifier):
    """Removes a finished greenlet from its group. A greenlet that waits for the end finds it removed."""

    __slots__ = ("group",)

    def __init__(self, group: "Group") -> None:
        # The group has this object as an attribute.
        self.group = ref(group)

    def notify(self, source: Any) -> None:
        """See `Notifier.notify`."""
        group = self.group()
        if group is not None:
            group._discard(source)

    def __call__(self, source: Any) -> None:
        # Classes of the user that have `rawlink` but do not know Notifier call the link.
        self.notify(source)


class Group(Mapping):
    """A set of greenlets; each greenlet is removed when it finishes. gevent's class of the same name.

    Argument: an iterable of greenlets (optional), the first members. Raises TypeError for anything else.

    Attributes: `greenlets`, the set of members; `dying`, the members that were killed but have not finished;
    `greenlet_class`, the class that `spawn` makes greenlets with.
    """

    greenlet_class: Any = Greenlet

    def __init__(self, *args: Iterable[raw_greenlet]) -> None:
        if len(args) > 1:
            raise TypeError(f"Group takes at most one iterable of greenlets ({len(args)} given)")
        self.greenlets: set[Any] = set()
        # Members that were killed but have not finished.
        self.dying: set[Any] = set()
        # Greenlets of `apply_async` and `map_async`: they spawn here, perhaps after waiting for room. Not members.
        self._spawners: set[Any] = set()
        self._leaving = _Leaving(self)
        self._empty = Event()
        self._empty.set()
        for greenlet in check_iterable(args[0], "greenlets") if args else ():
            self.add(greenlet)

    def __len__(self) -> int:
        return len(self.greenlets)

    def __contains__(self, item: object) -> bool:
        return item in self.greenlets

    def __iter__(self) -> Iterator[Any]:
        return iter(self.greenlets)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} {self.greenlets!r}>"

    def add(self, greenlet: raw_greenlet) -> None:
        """Add a greenlet until it finishes. A raw greenlet, which has no `rawlink`, stays until `discard`.

        Raises TypeError if the argument is not a greenlet. No-op for a member.
        """
        if greenlet in self.greenlets:
            return
        rawlink = getattr(greenlet, "rawlink", None)
        if rawlink is None and not isinstance(greenlet, raw_greenlet):
            raise TypeError(f"greenlet must be a greenlet, not {greenlet!r}")
        self.greenlets.add(greenlet)
        self._empty.clear()
        if rawlink is not None:
            # For a finished greenlet, this may call `_leaving` at once.
            rawlink(self._leaving)

    def _discard(self, greenlet: Any) -> None:
        self.greenlets.discard(greenlet)
        self.dying.discard(greenlet)
        self._spawners.discard(greenlet)
        if not self.greenlets and not self._spawners:
            self._empty.set()

    def discard(self, greenlet: raw_greenlet) -> None:
        """Remove a greenlet from the group without stopping it."""
        unlink = getattr(greenlet, "unlink", None)
        if unlink is not None:
            unlink(self._leaving)
        self._discard(greenlet)

    def _track(self, greenlet: Greenlet[R]) -> Greenlet[R]:
        self._spawners.add(greenlet)
        self._empty.clear()
        greenlet.rawlink(self._leaving)
        greenlet.start()
        return greenlet

    def _runs_inside(self) -> bool:
        return current() in self.greenlets

    def _start_async(self, func: Callable[..., R], args: Any, kwds: Any, callback: Any) -> Greenlet[R]:
        """See `Mapping._start_async`. If there is room now, the greenlet is a member."""
        if self.full():
            return super()._start_async(func, args, kwds, callback)
        greenlet = self.spawn(func, *args, **kwds)
        if callback is not None:
            greenlet.link_value(lambda finished: callback(finished.value))
        return greenlet

    def start(self, greenlet: Greenlet) -> None:
        """Add a greenlet and start it."""
        self.add(greenlet)
        greenlet.start()

    def spawn(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Greenlet[R]:
        """Start ``function(*args, **kwargs)`` in a new greenlet of the group; return the greenlet."""
        greenlet: Greenlet[R] = self.greenlet_class(function, *args, **kwargs)
        self.start(greenlet)
        return greenlet

    def full(self) -> bool:
        """Return False: a group has no limit."""
        return False

    def wait_available(self, timeout: SupportsFloat | None = None) -> int:
        """Return 1: a group always has room."""
        return 1

    def join(self, timeout: SupportsFloat | None = None, raise_error: bool = False) -> bool:
        """Park until the group is empty; return True, or False after `timeout` seconds (None: no limit).

        If `raise_error` is true, raise the error of the first greenlet that failed.
        """
        if raise_error:
            waited = list(self.greenlets)
            empty = self._empty.wait(timeout=timeout)
            joinall([greenlet for greenlet in waited if greenlet.ready()], raise_error=True)
            return empty
        return self._empty.wait(timeout=timeout)

    def kill(
        self, exception: Throwable = GreenletExit, block: bool = True, timeout: SupportsFloat | None = None
    ) -> None:
        """Raise `exception` in all greenlets of the group, also in greenlets that are added meanwhile.

        If `block` is true, park until they have finished, or for `timeout` seconds (None: no limit).
        """
        while self.greenlets or self._spawners:
            # Kill first the greenlets that would spawn more. No greenlet is killed twice, but all are waited for.
            targets = [*(self._spawners - self.dying), *(self.greenlets - self.dying)]
            self.dying.update(targets)
            killall(targets, exception, block=False)
            if not block:
                return
            waited = [target for target in (*self._spawners, *self.greenlets) if hasattr(target, "rawlink")]
            if not waited or len(wait(waited, timeout=timeout)) < len(waited):
                return

    def killone(
        self,
        greenlet: raw_greenlet,
        exception: Throwable = GreenletExit,
        block: bool = True,
        timeout: SupportsFloat | None = None,
    ) -> None:
        """Raise `exception` in one greenlet of the group; no-op if it is not a member or is already dying.

        If `block` is true, park until it has finished, or for `timeout` seconds (None: no limit).
        """
        if greenlet in self.greenlets and greenlet not in self.dying:
            self.dying.add(greenlet)
            if isinstance(greenlet, Greenlet):
                greenlet.kill(exception, block=block, timeout=timeout)
            else:
                kill(greenlet, exception)


spawns_on_behalf(globals())
