"""Handlers of `signal.signal` that may block: one that would interrupt the hub gets a greenlet of its own.

CPython calls a handler in the main thread, on top of whatever runs there. On top of a greenlet it may wait as that
greenlet may. On top of a green thread, too; but what it raises is raised in the main greenlet, at its wait or its
next one, as no native thread is ever interrupted. The green thread yields at once, also where it computes without
end, and goes on when the main greenlet has the error.

While all greenlets wait, the hub runs, and nothing on top of it can wait; so the handler is called in a new greenlet,
before any other that is ready: whatever woke those may have been done after the signal was sent. What it raises there
is raised in the main greenlet, as from any handler that interrupts the hub. In that greenlet
`threading.current_thread()` is not the main thread, and in the compiled build the handler's frame is None, since the
hub has none.

A handler that was set by the standard library's own function, unpatched, runs on top of the hub: a call in it that
would have to wait raises BlockingInHub. `greenrt.signal_handler` is the other way to handle signals there.
"""

import _signal
from collections import deque
from collections.abc import Callable
from math import inf
from types import FrameType

from greenrt import _original
from greenrt._hub.current_hub import get_hub_if_exists
from greenrt._hub.fd_wait import give_way
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import yield_now
from greenrt._loop.watchers.signal import on_arrival
from greenrt._native.switch import current
from greenrt._typing import Any
from greenrt.errors import GreenletExit
from greenrt.green.thread import counts_as_main, native_ident

__all__ = ["adopt_handlers", "getsignal", "pthread_kill", "raise_signal", "set_wakeup_fd", "signal"]


class _Handler:
    """What CPython calls in the place of a program's handler."""

    __slots__ = ("handler",)

    def __init__(self, handler: Callable[[int, FrameType | None], object]) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code in _SENDERS:
            frame = frame.f_back
        hub = get_hub_if_exists()
        if hub is not None and current() is hub:
            _call_in_greenlet(hub, self.handler, number, frame)
        elif hub is not None and not counts_as_main():
            _call_in_thread(hub, self.handler, number, frame)
        else:
            self.handler(number, frame)

    def __repr__(self) -> str:
        return repr(self.handler)


def _call_in_thread(hub: Any, handler: Any, number: int, frame: FrameType | None) -> None:
    """Call the handler on top of a green thread; what it raises is for the main greenlet, which runs next."""
    thread: Any = current()
    thread.handling += 1
    try:
        handler(number, frame)
        return
    except BaseException as error:
        hub.handle_system_error(type(error), error, error.__traceback__)
    finally:
        thread.handling -= 1
    # Not in the handler above: a greenlet that is suspended there keeps the error. During a fork nothing switches.
    if hub._poll_due < inf:
        yield_now()


def _call_in_greenlet(hub: Any, handler: Any, number: int, frame: FrameType | None) -> None:
    """Have a new greenlet call the handler, before any other that is ready."""
    # Handlers of several signals run in the order of the signals, though the last greenlet is the first to run.
    calls: deque[Any] = vars(hub).setdefault("interruptions", deque())
    calls.append((handler, number, frame))
    Greenlet(_call_next, hub, calls)._start_first()


def _call_next(hub: Any, calls: deque[Any]) -> None:
    handler, number, frame = calls.popleft()
    try:
        handler(number, frame)
    except GreenletExit:
        # Killed, as any greenlet may be.
        raise
    except BaseException as error:
        hub.handle_system_error(type(error), error, error.__traceback__)


def _wrapped(handler: Any) -> Any:
    # Our own has nothing to wait for, and raises nothing.
    if not callable(handler) or handler is on_arrival:
        return handler
    return _Handler(handler)


def _unwrapped(handler: Any) -> Any:
    if isinstance(handler, _Handler):
        return handler.handler
    if isinstance(handler, int):
        # Not above: an unpatched program that never asks has no use for the module's enums.
        from signal import Handlers

        return Handlers(handler)
    return handler


def signal(signalnum: int, handler: Any) -> Any:
    """Set the handler of a signal, and return the one before. See `signal.signal`.

    The handler may wait also when it interrupts the hub. ValueError in threads other than the main one, green ones
    included; greenlets that are spawned in the main thread count as the main thread.
    """
    if not counts_as_main():
        raise ValueError("signal only works in main thread of the main interpreter")
    give_way()
    given = int(handler) if isinstance(handler, int) else _wrapped(handler)
    return _unwrapped(_original.set_signal(signalnum, given))


def set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int:
    """Set the fd to which the numbers of signals are written. See `signal.set_wakeup_fd`; ValueError as `signal`."""
    if not counts_as_main():
        raise ValueError("set_wakeup_fd only works in main thread of the main interpreter")
    return int(_original.set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer))


def getsignal(signalnum: int) -> Any:
    """Return the handler of a signal, as it was given. See `signal.getsignal`."""
    give_way()
    return _unwrapped(_original.get_signal(signalnum))


def raise_signal(signalnum: int, /) -> None:
    """Send a signal to the calling thread; its handler runs first. See `signal.raise_signal`."""
    give_way()
    _original.raise_signal(signalnum)


def pthread_kill(thread_id: int, signalnum: int, /) -> None:
    """Send a signal to a thread: to the native one that runs it, if it is green. See `signal.pthread_kill`."""
    give_way()
    _original.pthread_kill(native_ident(thread_id), signalnum)


# A handler gets the frame of their caller when one of these sends its signal.
_SENDERS = {getattr(function, "__code__", None) for function in (raise_signal, pthread_kill)}


def adopt_handlers() -> None:
    """Have the handlers that the standard library's own function has set wait too. Main thread only."""
    for number in _signal.valid_signals():
        handler = _original.get_signal(number)
        wrapped = handler if isinstance(handler, _Handler) else _wrapped(handler)
        if wrapped is not handler:
            _original.set_signal(number, wrapped)
