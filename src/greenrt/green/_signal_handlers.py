"""Handlers of `signal.signal` that may block: a handler that would interrupt the hub runs in its own greenlet.

CPython calls a handler in the main thread, on top of the code that runs there. So does greenrt, and in the handler
`threading.current_thread()` is the main thread, whichever greenlet runs there. On top of a greenlet, a handler may
wait as that greenlet may. This includes green threads, but an exception of the handler is raised in the main
greenlet, at its current or next wait: in CPython, too, no thread but the main one is interrupted. The green thread
yields at once, even in an endless computation, and continues after the main greenlet has the exception.

While all greenlets wait, the hub runs, and code on top of it cannot wait. So a new greenlet calls the handler, before
all other ready greenlets: the events that woke them up may have happened after the signal. An exception of the
handler is raised in the main greenlet, as for any handler that interrupts the hub. In the compiled build the
handler's frame is None, since the hub has no frame.

A handler that unpatched code sets by the standard library's own function runs on top of the hub: a call in it that
would have to wait raises BlockingInHub. `greenrt.signal_handler` is the other way to handle signals there.
"""

import _signal
from collections import deque
from collections.abc import Callable
from math import inf
from types import FrameType

from greenrt import _original
from greenrt._hub.current_hub import get_hub_if_exists
from greenrt._hub.fd_wait import yield_if_due
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import yield_now
from greenrt._loop.watchers.signal import on_arrival
from greenrt._native.dump_signal import HANDLERS
from greenrt._native.switch import current_or_none
from greenrt._typing import Any
from greenrt.errors import GreenletExit
from greenrt.green.thread import call_handler, counts_as_main, native_ident

__all__ = ["adopt_handlers", "getsignal", "pthread_kill", "raise_signal", "set_wakeup_fd", "signal"]


class _Handler:
    """The callable that CPython calls instead of the program's handler."""

    __slots__ = ("handler",)

    def __init__(self, handler: Callable[[int, FrameType | None], object]) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code in _SENDERS:
            frame = frame.f_back
        hub = get_hub_if_exists()
        if hub is not None and current_or_none() is hub:
            _call_in_greenlet(hub, self.handler, number, frame)
        elif hub is not None and not counts_as_main():
            _call_in_thread(hub, self.handler, number, frame)
        else:
            call_handler(self.handler, number, frame)

    def __repr__(self) -> str:
        return repr(self.handler)


def _call_in_thread(hub: Any, handler: Any, number: int, frame: FrameType | None) -> None:
    """Call the handler on top of a green thread. Its exception is raised in the main greenlet, which runs next."""
    try:
        call_handler(handler, number, frame)
        return
    except BaseException as error:
        hub.handle_system_error(type(error), error, error.__traceback__)
    # Outside the `except` above: a greenlet that is suspended there keeps the error alive. During a fork, do not
    # yield.
    if hub._poll_due < inf:
        yield_now()


def _call_in_greenlet(hub: Any, handler: Any, number: int, frame: FrameType | None) -> None:
    """Let a new greenlet call the handler, before all other ready greenlets."""
    # Handlers of several signals run in the order of the signals, though the newest greenlet runs first.
    calls: deque[Any] = vars(hub).setdefault("interruptions", deque())
    calls.append((handler, number, frame))
    Greenlet(_call_next, hub, calls)._start_first()


def _call_next(hub: Any, calls: deque[Any]) -> None:
    handler, number, frame = calls.popleft()
    try:
        call_handler(handler, number, frame)
    except GreenletExit:
        # The greenlet was killed, as any greenlet may be.
        raise
    except BaseException as error:
        hub.handle_system_error(type(error), error, error.__traceback__)


def _wrapped(handler: Any) -> Any:
    # greenrt's own handlers never wait and raise nothing.
    if not callable(handler) or any(handler is own for own in (on_arrival, *HANDLERS)):
        return handler
    return _Handler(handler)


def _unwrapped(handler: Any) -> Any:
    if isinstance(handler, _Handler):
        return handler.handler
    if isinstance(handler, int):
        # Imported here: an unpatched program that never calls this function does not need the module's enums.
        from signal import Handlers

        return Handlers(handler)
    return handler


def signal(signalnum: int, handler: Any) -> Any:
    """Set the handler of a signal; return the previous one. See `signal.signal`.

    The handler may wait even if it interrupts the hub. Raise ValueError in threads other than the main one, also in
    green ones. Greenlets that are spawned in the main thread count as the main thread.
    """
    if not counts_as_main():
        raise ValueError("signal only works in main thread of the main interpreter")
    yield_if_due()
    given = int(handler) if isinstance(handler, int) else _wrapped(handler)
    return _unwrapped(_original.set_signal(signalnum, given))


def set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int:
    """Set the fd for the numbers of signals. Raise ValueError as `signal`. See `signal.set_wakeup_fd`."""
    if not counts_as_main():
        raise ValueError("set_wakeup_fd only works in main thread of the main interpreter")
    return int(_original.set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer))


def getsignal(signalnum: int) -> Any:
    """Return the handler of a signal, as the program passed it. See `signal.getsignal`."""
    yield_if_due()
    return _unwrapped(_original.get_signal(signalnum))


def raise_signal(signalnum: int, /) -> None:
    """Send a signal to the calling thread. Its handler runs before the return. See `signal.raise_signal`."""
    yield_if_due()
    _original.raise_signal(signalnum)


def pthread_kill(thread_id: int, signalnum: int, /) -> None:
    """Send a signal to a thread; for a green thread, to its native thread. See `signal.pthread_kill`."""
    yield_if_due()
    _original.pthread_kill(native_ident(thread_id), signalnum)


# If one of these functions sends the signal, the handler gets the frame of the function's caller.
_SENDERS = {getattr(function, "__code__", None) for function in (raise_signal, pthread_kill)}


def adopt_handlers() -> None:
    """Let the handlers that the standard library's own function has set wait too. Only for the main thread."""
    for number in _signal.valid_signals():
        handler = _original.get_signal(number)
        # isinstance would read the attribute `__class__` of a handler that is a proxy, which is the program's code.
        wrapped = handler if type(handler) is _Handler else _wrapped(handler)
        if wrapped is not handler:
            _original.set_signal(number, wrapped)
