"""Links: who is told, without waiting, that something has ended or was set."""

from collections.abc import Callable

from greenrt._hub import slot
from greenrt._hub.raw import spawn_raw
from greenrt._loop.entry import Entry
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = ["GreenLink", "Link", "Notifier", "as_link", "take_out"]


class Notifier:
    """A link. It is notified at once, with the gate held, so it may only append and wake."""

    __slots__ = ()

    def notify(self, source: Any) -> None:
        """Note that `source` is set."""
        raise NotImplementedError

    def is_of(self, callback: Any) -> bool:
        """Tell whether this is `callback`, or was made of it."""
        return self is callback


class _Call(Entry):
    """The call of a link, in the run queue."""

    __slots__ = ("callback", "source")

    def __init__(self, callback: Callable[[Any], object], source: Any) -> None:
        self.callback = callback
        self.source = source

    def run(self) -> None:
        """See `Entry.run`."""
        self.callback(self.source)

    def __repr__(self) -> str:
        return f"<the link {self.callback!r} of {self.source!r}>"


class Link(Notifier):
    """Has a callback called in the hub of the thread that linked it; notified once."""

    __slots__ = ("call", "callback", "loop")

    def __init__(self, callback: Callable[[Any], object]) -> None:
        self.loop = slot.get_hub().loop
        self.callback = callback
        # Made now: an end must be told when there is no memory, too.
        self.call = _Call(callback, None)

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
            # The thread that linked it has ended. That is not the business of who sets the source.
            pass

    def is_of(self, callback: Any) -> bool:
        """See `Notifier.is_of`."""
        return self is callback or bool(self.callback == callback)


class GreenLink:
    """A callback that calls a function with a finished greenlet, in a new greenlet, if it finished as wanted."""

    __slots__ = ("callback", "successful")

    def __init__(self, callback: Callable[..., object], successful: bool | None) -> None:
        if not callable(callback):
            raise TypeError(f"a link must be callable, not {callback!r}")
        self.callback = callback
        self.successful = successful

    def __call__(self, source: Any) -> None:
        if self.successful is None or source.successful() == self.successful:
            spawn_raw(self.callback, source)

    def __eq__(self, other: object) -> bool:
        return self.callback == getattr(other, "callback", other)

    def __hash__(self) -> int:
        return hash(self.callback)


def as_link(callback: Any) -> Notifier:
    """Return what calls `callback` in this thread's hub, or itself if it is a Notifier. TypeError for what isn't."""
    if isinstance(callback, Notifier):
        return callback
    if not callable(callback):
        raise TypeError(f"a link must be callable, not {callback!r}")
    return Link(callback)


def take_out(links: list[Notifier] | None, callback: Any) -> None:
    """Remove the first link that is of `callback`; no-op if there is none."""
    if links is not None:
        for index, link in enumerate(links):
            if link.is_of(callback):
                del links[index]
                return
