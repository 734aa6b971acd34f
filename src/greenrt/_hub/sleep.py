"""sleep and idle."""

from greenrt import _original
from greenrt._hub.park import LastPark, NativePark, new_park, wake_park, yield_now
from greenrt._typing import Any

__all__ = ["idle", "sleep"]


def sleep(seconds: Any = 0, ref: bool = True) -> None:
    """Suspend the current greenlet for `seconds`; others run.

    0 and less: let all that are ready run once. `ref` false: the sleep does not keep ``greenrt.wait()`` waiting.
    ValueError on NaN. In a thread without a hub: CPython's time.sleep.
    """
    if not seconds and seconds is not None:
        yield_now()
    else:
        _sleep_for(seconds, ref)


def _sleep_for(seconds: Any, ref: bool) -> None:
    if seconds > 0:
        park = new_park(("sleep({} s)", seconds))
        if isinstance(park, LastPark):
            # From CPython 3.15 on the lock of such a park refuses to be waited for.
            _original.sleep(seconds)
        else:
            park.wait(seconds, ref)
    elif seconds != seconds:
        raise ValueError("sleep takes a number of seconds, not nan")
    else:
        yield_now()


def idle(priority: int = 0) -> None:
    """Suspend the current greenlet until nothing else is ready."""
    park = new_park(("the loop to be idle",))
    if isinstance(park, NativePark):
        return
    watcher = park.hub.loop.idle()
    watcher.start(wake_park, park)
    try:
        park.wait()
    finally:
        watcher.close()
