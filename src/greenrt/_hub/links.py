"""Links: callbacks that run when an object is set or has ended, without a waiter."""

from collections.abc import Callable

from greenrt._hub import current_hub
from greenrt._hub.raw_greenlet import RawGreenlet
from greenrt._loop.callback import Entry
from greenrt._native.switch import Fiber, resume
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = ["GreenLink", "Link", "LinkList", "Notifier", "as_link"]


class Notifier:
    """A link that is notified inside the critical section of the source: it may only append and wake."""

    __slots__ = ()

    def notify(self, source: Any) -> None:
        """Note that `source` is set."""
        raise NotImplementedError

    def is_of(self, callback: Any) -> bool:
        """Return whether this is `callback`, or was made from it."""
        return self is callback


class LinkCall(Entry):
    """The call of a link, an entry of the run queue. A link that is removed before its turn is not called."""

    __slots__ = ("callback", "links", "over", "source")

    def __init__(self, callback: Callable[[Any], object]) -> None:
        self.callback = callback
        self.source: Any = None
        # The list that finds this call by its callback until its turn comes.
        self.links: LinkList | None = None
        # Whether the call was made or cancelled.
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
    """A link that calls a callback once, in the hub of the thread that made the link."""

    __slots__ = ("call", "callback", "loop")

    def __init__(self, callback: Callable[[Any], object]) -> None:
        self.loop = current_hub.get_hub().loop
        self.callback = callback
        # Made now: `notify` must also work if there is no memory.
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
            # The thread that made the link has ended. The thread that sets the source ignores this.
            entry.over = True

    def is_of(self, callback: Any) -> bool:
        """See `Notifier.is_of`."""
        return self is callback or bool(self.callback == callback)


class LinkList:
    """The links of one object, in the order of their construction. Callers hold its lock, except for `forget`."""

    __slots__ = ("queued", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        # Links that were notified and whose calls are in a run queue.
        self.queued: list[Any] | None = None

    def notify_all(self, source: Any) -> None:
        """Notify and drop all waiting links. If one fails, the others are notified too; then the error is raised."""
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
                # The call is made, but it cannot be cancelled.
                pass
        link.notify(source)

    def take_out(self, callback: Any) -> None:
        """Remove the first link of `callback` that has not been called. No-op if there is none."""
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
        """Drop the calls that are over once the last queued call is over. Any thread."""
        queued = self.queued
        if not queued:
            return
        last = queued[-1]
        if last.call is call:
            # Earlier calls of other threads may still be queued.
            left: list[Any] = []
            for link in queued:
                if not link.call.over:
                    left.append(link)  # noqa: PERF401
            self.queued = left or None
            if not left and isinstance(call.source, Fiber):
                # A greenlet that has finished and its latch refer to each other.
                call.source._latch = None


class GreenLink:
    """A callback that calls a function with a finished greenlet, in a new greenlet.

    `successful` true or false: only if the greenlet has succeeded or failed; None: in both cases.
    """

    __slots__ = ("callback", "successful")

    def __init__(self, callback: Callable[..., object], successful: bool | None) -> None:
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {callback!r}")
        self.callback = callback
        self.successful = successful

    def __call__(self, source: Any) -> None:
        if self.successful is None or source.successful() == self.successful:
            # Not queued: the callback runs up to its first wait before the waiters of the end are resumed.
            resume(RawGreenlet(self.callback, (source,), {}))

    def __eq__(self, other: object) -> bool:
        return self.callback == getattr(other, "callback", other)

    def __hash__(self) -> int:
        return hash(self.callback)


def as_link(callback: Any) -> Notifier:
    """Return a Link for `callback` in the hub of this thread; return a Notifier as it is.

    Raises TypeError if `callback` is not callable.
    """
    if isinstance(callback, Notifier):
        return callback
    if not callable(callback):
        raise TypeError(f"callback must be callable, not {callback!r}")
    return Link(callback)
