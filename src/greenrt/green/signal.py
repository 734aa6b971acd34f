"""The standard library's `signal` module, cooperative: what waits for signals suspends the greenlet only.

Handlers may wait wherever they are called: see `handlers`.

Blocked signals are waited for by signalfd(2), which takes none of them: sigtimedwait(2) does, without waiting. Where
there is no signalfd (the plain Python build), it asks again every few milliseconds. The signals are blocked in this
thread for as long as a greenlet waits for them; as ever, the program blocks them in its other native threads, which
would take them otherwise.
"""

# The names of the standard module are defined anew, which is the point.
# mypy: disable-error-code="no-redef,assignment"

import signal as _stdlib
from signal import *  # noqa: F403

from greenrt import _original
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import forget_fd, give_way, park_on_fd
from greenrt._hub.park import new_park
from greenrt._hub.sleep import sleep
from greenrt._loop.callback import READ
from greenrt._native.signalfd import signalfd
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green._signal_handlers import getsignal, pthread_kill, raise_signal, set_wakeup_fd, signal
from greenrt.green._signal_mask import pthread_sigmask
from greenrt.green._twin import standing

__all__ = [name for name in dir(_stdlib) if not name.startswith("_")]

# Where there is no signalfd: at most so long between two looks.
_INTERVAL = 0.02


def pause() -> None:
    """Wait until a signal with a Python handler has come, and its handler has run. See `signal.pause`.

    The main thread's; in another one the call is the original one, and blocks the thread.
    """
    hub = hub_for_waiting()
    wakeup = None if hub is None else hub.loop.signal_wakeup
    if wakeup is None:
        _original.pause()
        return
    loop = hub.loop
    park = new_park(("a signal",))
    park.counted = True

    def listener() -> None:
        # Through the queue: what a handler raises comes first.
        loop.run_callback(park.wake, True)

    wakeup.listen(listener)
    try:
        park.wait(None)
    finally:
        wakeup.ignore(listener)


def sigwait(sigset: Any, /) -> Any:
    """Wait for one of the signals, and return its number. See `signal.sigwait`."""
    if hub_for_waiting() is None:
        return _original.sigwait(sigset)
    return _stdlib.Signals(_take(list(sigset), None).si_signo)


def sigwaitinfo(sigset: Any, /) -> Any:
    """Wait for one of the signals, and return what is known of it. See `signal.sigwaitinfo`."""
    if hub_for_waiting() is None:
        return _original.sigwaitinfo(sigset)
    return _take(list(sigset), None)


def sigtimedwait(sigset: Any, timeout: Any, /) -> Any:
    """Wait for one of the signals, for at most `timeout` seconds: then None. See `signal.sigtimedwait`."""
    waits = isinstance(timeout, int | float) and timeout > 0
    give_way()
    if not waits or hub_for_waiting() is None:
        return _original.sigtimedwait(sigset, timeout)
    return _take(list(sigset), monotonic() + timeout)


def _take(signals: list[int], deadline: float | None) -> Any:
    """Wait for one of `signals` until the deadline; return its description, or None."""
    found = _original.sigtimedwait(signals, 0)
    if found is not None:
        return found
    blocked = _original.pthread_sigmask(_stdlib.SIG_BLOCK, signals)
    fd = signalfd(signals)
    try:
        while (found := _original.sigtimedwait(signals, 0)) is None:
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                return None
            if fd >= 0:
                park_on_fd(fd, READ, left)
            else:
                sleep(_INTERVAL if left is None else min(left, _INTERVAL))
        return found
    finally:
        if fd >= 0:
            forget_fd(fd)
            _original.close(fd)
        _original.pthread_sigmask(_stdlib.SIG_UNBLOCK, set(signals) - set(blocked))


# What patching replaces in the standard module's dict.
FUNCTIONS: dict[str, Any] = standing(
    _stdlib,
    getsignal=getsignal,
    pause=pause,
    pthread_kill=pthread_kill,
    pthread_sigmask=pthread_sigmask,
    raise_signal=raise_signal,
    set_wakeup_fd=set_wakeup_fd,
    signal=signal,
    sigtimedwait=sigtimedwait,
    sigwait=sigwait,
    sigwaitinfo=sigwaitinfo,
)


def __getattr__(name: str) -> Any:
    # What the standard module has besides.
    return getattr(_stdlib, name)
