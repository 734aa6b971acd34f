"""The standard library's `signal` module, cooperative: waits for signals suspend only the greenlet.

Handlers may wait wherever they are called: see `_signal_handlers`.

A greenlet waits for blocked signals on a signalfd(2), which does not consume them. Then sigtimedwait(2) consumes one
without waiting. Without signalfd (in the plain Python build), sigtimedwait(2) is called every few milliseconds. The
signals are blocked in this thread while a greenlet waits for them. As usual, the program has to block them in its
other native threads, which would receive them otherwise.
"""

# This module redefines the names of the standard module on purpose.
# mypy: disable-error-code="no-redef,assignment"

import signal as _stdlib
from signal import *  # noqa: F403

from greenrt import _original
from greenrt._deadline import Deadline
from greenrt._events import READ
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import forget_fd, park_on_fd, yield_if_due
from greenrt._hub.park import new_park
from greenrt._hub.sleep import sleep
from greenrt._native.signalfd import signalfd
from greenrt._typing import Any
from greenrt.green._signal_handlers import getsignal, pthread_kill, raise_signal, set_wakeup_fd, signal
from greenrt.green._signal_mask import as_signal, pthread_sigmask
from greenrt.green._twin import public_names, supported

__all__ = public_names(_stdlib)

# The longest pause between two checks without signalfd (seconds).
_INTERVAL = 0.02


def pause() -> None:
    """Wait until a signal with a Python handler has arrived, and its handler has run. See `signal.pause`.

    For the main thread. In another thread, this is the original call, which blocks the thread.
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
        # Through the run queue, so that an exception of the handler is raised first.
        loop.run_callback(park.wake, True)

    wakeup.listen(listener)
    try:
        park.wait(None)
    finally:
        wakeup.ignore(listener)


def sigwait(sigset: Any, /) -> Any:
    """Wait for one of the signals; return its number. See `signal.sigwait`."""
    if hub_for_waiting() is None:
        return as_signal(_original.sigwait(sigset))
    return as_signal(_take(list(sigset), Deadline(None)).si_signo)


def sigwaitinfo(sigset: Any, /) -> Any:
    """Wait for one of the signals; return its description. See `signal.sigwaitinfo`."""
    if hub_for_waiting() is None:
        return _original.sigwaitinfo(sigset)
    return _take(list(sigset), Deadline(None))


def sigtimedwait(sigset: Any, timeout: Any, /) -> Any:
    """Wait for one of the signals. Return None after `timeout` seconds. See `signal.sigtimedwait`."""
    waits = isinstance(timeout, int | float) and timeout > 0
    yield_if_due()
    if not waits or hub_for_waiting() is None:
        return _original.sigtimedwait(sigset, timeout)
    return _take(list(sigset), Deadline(timeout))


def _take(signals: list[int], deadline: Deadline) -> Any:
    """Wait for one of `signals` until the deadline; return its description, or None."""
    found = _original.sigtimedwait(signals, 0)
    if found is not None:
        return found
    blocked = _original.pthread_sigmask(_stdlib.SIG_BLOCK, signals)
    fd = signalfd(signals)
    try:
        while (found := _original.sigtimedwait(signals, 0)) is None:
            left = deadline.left()
            if left == 0.0:
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


# The functions that patching replaces in the standard module's dict.
FUNCTIONS: dict[str, Any] = supported(
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
    # Other names of the standard module.
    return getattr(_stdlib, name)
