"""Links: callbacks that run, without a waiter, when something has ended or was set."""

from collections.abc import Callable

from greenrt._hub import current_hub
from greenrt._hub.raw_greenlet import RawGreenlet
from greenrt._loop.callback import Entry
from greenrt._native.switch import Fiber, resume
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = ["GreenLink", "Link", "LinkList", "Notifier", "as_link"]


class Notifier:
    """A link. It is notified at once, with the gate held, so it may only append and wake."""

    __slots__ = ()

    def notify(self, source: Any) -> None:
        """Note that `source` is set."""
        raise NotImplementedError

    def is_of(self, callback: Any) -> bool:
        """Tell whether this is `callback`, or was made of it."""
        return self is callback


class LinkCall(Entry):
    """The call of a link, in the run queue; a link that is taken back before its turn is not called."""

    __slots__ = ("callback", "links", "over", "source")

    def __init__(self, callback: Callable[[Any], object]) -> None:
        self.callback = callback
        self.source: Any = None
        # The list that finds this call by its callback until its turn comes.
        self.links: LinkList | None = None
        # Whether the call was made or taken back.
        self.over = False

    def run(self) -> None:
        """See `Entry.run`."""
        if self.over:
            return
        self.over = True
        links = self.links
        if links is not None:
            self.links = None
            links.forget(self)
        self.callback(self.source)

    def __repr__(self) -> str:
        return f"<the link {self.callback!r} of {self.source!r}>"


class Link(Notifier):
    """Has a callback called in the hub of the thread that linked it; notified once."""

    __slots__ = ("call", "callback", "loop")

    def __init__(self, callback: Callable[[Any], object]) -> None:
        self.loop = current_hub.get_hub().loop
        self.callback = callback
        # Made now: an end must be announced when there is no memory, too.
        self.call = LinkCall(callback)

    def notify(self, source: Any) -> None:
        """See `Notifier.notify`."""
        entry = self.call
        entry.source = source
        if self.loop.on_owner_thread():
            self.loop.ready.append(entry)
            return
        try:
            self.loop.post(entry)
        except LoopClosed:
            # The thread that linked it has ended. That does not concern the thread that sets the source.
            entry.over = True

    def is_of(self, callback: Any) -> bool:
        """See `Notifier.is_of`."""
        return self is callback or bool(self.callback == callback)


class LinkList:
    """The links of one object, in the order in which they were made. Callers of all but `forget` hold the gate."""

    __slots__ = ("queued", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        # Links that were notified and whose calls are in a run queue.
        self.queued: list[Any] | None = None

    def notify_all(self, source: Any) -> None:
        """Notify and drop all links that wait; one that fails does not keep the others from it."""
        links = self.waiting
        self.waiting = []
        failed: Any = None
        for link in links:
            try:
                self.notify(link, source)
            except BaseException as error:
                failed = error
        if failed is not None:
            raise failed

    def notify(self, link: Notifier, source: Any) -> None:
        """Notify one link; until its call has been made, `take_out` finds it."""
        if isinstance(link, Link):
            known = link
            try:
                if self.queued is None:
                    self.queued = [known]
                else:
                    self.queued.append(known)
                call = known.call
                call.links = self
            except MemoryError:
                # The call is made all the same; it only can't be taken back any more.
                pass
        link.notify(source)

    def take_out(self, callback: Any) -> None:
        """Remove the first link of `callback` that has not been called. Does nothing if none is left."""
        for link in self.queued or ():
            call = link.call
            if not call.over and link.is_of(callback):
                call.over = True
                self.forget(call)
                return
        for index, waiting in enumerate(self.waiting):
            if waiting.is_of(callback):
                del self.waiting[index]
                return

    def all(self) -> list[Any]:
        """Return the links whose calls have not been made."""
        found: list[Any] = []
        for link in self.queued or ():
            if not link.call.over:
                found.append(link)  # noqa: PERF401 - a comprehension has no typed variables
        found.extend(self.waiting)
        return found

    def forget(self, call: LinkCall) -> None:
        """Drop the calls that are over, when the last of those that were queued is. Any thread."""
        queued = self.queued
        if not queued:
            return
        last = queued[-1]
        if last.call is call:
            # Other threads may have calls of theirs before it.
            left: list[Any] = []
            for link in queued:
                if not link.call.over:
                    left.append(link)  # noqa: PERF401
            self.queued = left or None
            if not left and isinstance(call.source, Fiber):
                # A greenlet that has finished and its latch refer to each other.
                call.source._latch = None


class GreenLink:
    """A callback that calls a function with a finished greenlet, in a new greenlet, if it finished as wanted."""

    __slots__ = ("callback", "successful")

    def __init__(self, callback: Callable[..., object], successful: bool | None) -> None:
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {callback!r}")
        self.callback = callback
        self.successful = successful

    def __call__(self, source: Any) -> None:
        if self.successful is None or source.successful() == self.successful:
            # Not queued: the callback runs up to its first wait before a greenlet that waits for the end goes on.
            resume(RawGreenlet(self.callback, (source,), {}))

    def __eq__(self, other: object) -> bool:
        return self.callback == getattr(other, "callback", other)

    def __hash__(self) -> int:
        return hash(self.callback)


def as_link(callback: Any) -> Notifier:
    """Return what calls `callback` in this thread's hub, or itself if it is a Notifier. TypeError for what isn't."""
    if isinstance(callback, Notifier):
        return callback
    if not callable(callback):
        raise TypeError(f"callback must be callable, not {callback!r}")
    return Link(callback)
