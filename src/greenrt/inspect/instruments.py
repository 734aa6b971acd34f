"""Instruments: functions of a tracing tool that the runtime calls at what greenlets do.

Without an instrument, this costs nothing. Switches are seen by ``greenlet.settrace``, starts by the spawn callbacks
of `Greenlet`, and wakes by a run queue that takes the place of the loop's own.
"""

from collections.abc import Callable

from greenlet import gettrace, greenlet, settrace

from greenrt import _log, _original, _providers
from greenrt._hub.current_hub import get_hub_if_exists, threads_with_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import YIELD, HubCore, Park, parked, set_run_queue
from greenrt._native.ring import Ring
from greenrt._render import render
from greenrt._typing import TYPE_CHECKING, Any
from greenrt.errors import LoopClosed

if TYPE_CHECKING:
    from greenrt._hub.hub import Hub
    from greenrt.inspect.stall import Stall

__all__ = ["Instrument", "add_instrument", "call", "remove_instrument"]


class Instrument:
    """What a tracing tool overrides: the runtime calls the methods that a subclass defines, and pays for no others.

    The methods run inside the runtime, in the thread where the event happens. They must not block, switch, spawn or
    wake greenlets. An instrument whose method raises an exception is removed, and the exception is logged.
    """

    def spawned(self, target: Greenlet[object]) -> None:
        """Take note that a greenlet was scheduled to start. The spawning greenlet runs."""

    def started(self, target: Greenlet[object]) -> None:
        """Take note that a greenlet begins to run."""

    def ended(self, target: greenlet) -> None:
        """Take note that a greenlet has run to its end."""

    def switched(self, origin: greenlet, target: greenlet) -> None:
        """Take note that `origin` has stopped running, and `target` runs."""

    def parked(self, target: greenlet, what: object) -> None:
        """Take note that a greenlet waits: it has switched away. `what` is the object, or tuple, that it waits on."""

    def woken(self, target: greenlet) -> None:
        """Take note that the wait of a greenlet has ended: it is in the run queue."""

    def stalled(self, stall: "Stall") -> None:
        """Take note of a report of a `watch`. Its native thread calls this during the stall."""


EVENTS = ("spawned", "started", "ended", "switched", "parked", "woken", "stalled")
# The events that a trace function sees.
TRACED = ("started", "ended", "switched", "parked")

_instruments: list[Instrument] = []
# The methods of all instruments by event.
_methods: dict[str, tuple[Callable[..., object], ...]] = dict.fromkeys(EVENTS, ())
# The trace functions that were set before ours, by thread.
_previous: dict[int, Any] = {}

_is_dead = greenlet.dead.__get__


def add_instrument(instrument: Instrument) -> None:
    """Call the methods of `instrument` from now on, for the greenlets of all threads. No-op if it was added before.

    Threads of other hubs follow at the next turns of their loops. Any thread may call this. Raises TypeError if
    `instrument` is not an Instrument.
    """
    if not isinstance(instrument, Instrument):
        raise TypeError(f"instrument must be a greenrt.inspect.Instrument, not {instrument!r}")
    if instrument not in _instruments:
        _instruments.append(instrument)
        _update()


def remove_instrument(instrument: Instrument) -> None:
    """Undo `add_instrument`. No-op if `instrument` was not added. Any thread may call this."""
    if instrument in _instruments:
        _instruments.remove(instrument)
        _update()


def call(event: str, *args: object) -> None:
    """Call the methods for an event of all instruments."""
    for method in _methods[event]:
        try:
            method(*args)
        except Exception as error:
            instrument: Any = getattr(method, "__self__", None)
            remove_instrument(instrument)
            _log.error("%s is removed, since %s() raised %s", render(instrument), event, render(error))


def _update() -> None:
    for event in EVENTS:
        _methods[event] = tuple(
            getattr(each, event)
            for each in _instruments
            if getattr(type(each), event) is not getattr(Instrument, event)
        )
    if _methods["spawned"]:
        Greenlet.add_spawn_callback(_spawned)
    else:
        Greenlet.remove_spawn_callback(_spawned)
    for hub in list(threads_with_hub.values()):
        if hub is get_hub_if_exists():
            _adapt(hub)
        else:
            try:
                hub.loop.run_callback_threadsafe(_adapt, hub)
            except LoopClosed:
                continue


def _adapt(hub: "Hub") -> None:
    """Install or remove what sees the events of a hub. The hub's own thread calls this."""
    me = _original.get_ident()
    wanted = any(_methods[event] for event in TRACED)
    if wanted and me not in _previous:
        _previous[me] = gettrace()
        settrace(_trace)
    elif not wanted and me in _previous:
        previous = _previous.pop(me)
        # Another tool may have set its own function since.
        if gettrace() is _trace:
            settrace(previous)
    ready = hub.loop.ready
    if _methods["woken"] and not isinstance(ready, WatchedRing):
        set_run_queue(hub.loop, WatchedRing(ready))
    elif not _methods["woken"] and isinstance(ready, WatchedRing):
        set_run_queue(hub.loop, ready.ring)


def _adapt_new(hub: "Hub") -> None:
    # The thread may have the identifier of one that has ended.
    _previous.pop(_original.get_ident(), None)
    if _instruments:
        _adapt(hub)


def _spawned(target: Greenlet[object]) -> None:
    call("spawned", target)


def _trace(event: str, switch: tuple[greenlet, greenlet]) -> None:
    origin, target = switch
    if _methods["switched"]:
        call("switched", origin, target)
    if _methods["ended"] and _is_dead(origin):
        call("ended", origin)
    elif _methods["parked"] and not isinstance(origin, HubCore):
        park = parked(origin)
        if park is not None and park.waiting:
            call("parked", origin, park.what)
    if _methods["started"] and isinstance(target, Greenlet) and not target._begun:
        call("started", target)
    previous = _previous.get(_original.get_ident())
    if previous is not None:
        previous(event, switch)


class WatchedRing(Ring):
    """A run queue that reports woken greenlets. It keeps its entries in `ring`, the queue that it stands for."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring

    def __len__(self) -> int:
        return len(self.ring)

    def append(self, item: Any) -> None:
        """Add `item` at the end."""
        self.ring.append(item)
        _note(item)

    def appendleft(self, item: Any) -> None:
        """Add `item` before the first item."""
        self.ring.appendleft(item)
        _note(item)

    def popleft(self) -> Any:
        """Remove and return the first item; raise IndexError if the queue is empty."""
        return self.ring.popleft()

    def peek(self) -> Any:
        """Return the first item without removing it, or None if the queue is empty."""
        return self.ring.peek()

    def clear(self) -> None:
        """Drop all items."""
        self.ring.clear()


def _note(item: Any) -> None:
    # A greenlet that only yields was never waiting.
    if isinstance(item, Park) and item.woken and item.what is not YIELD:
        call("woken", item.greenlet)


_providers.at_new_hub.append(_adapt_new)
