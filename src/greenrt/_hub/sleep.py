"""sleep and idle."""

from greenrt import _original
from greenrt._hub.park import LastPark, NativePark, checked_seconds, new_park, wake_park, yield_now
from greenrt._typing import Any

__all__ = ["idle", "sleep"]


def sleep(seconds: float = 0, ref: bool = True) -> None:
    """Park the calling greenlet for `seconds`; other greenlets run meanwhile.

    If `seconds` is 0 or less, all greenlets that are ready run once. With `ref` false, the sleep does not keep
    ``greenrt.wait()`` waiting. In a thread without a hub this is CPython's time.sleep. Raises TypeError or ValueError
    if `seconds` is not a number.
    """
    if not seconds and isinstance(seconds, (int, float)):
        yield_now()
    else:
        _sleep_for(seconds, ref)


def _sleep_for(seconds: Any, ref: bool) -> None:
    duration = checked_seconds(seconds, "seconds")
    if duration > 0.0:
        park = new_park(("sleep({} s)", seconds))
        if isinstance(park, LastPark):
            # Since CPython 3.15 the lock of such a park refuses a wait.
            _original.sleep(duration)
        else:
            park.wait(duration, ref)
    else:
        yield_now()


def idle(priority: int = 0) -> None:
    """Park the calling greenlet until no other greenlet is ready. `priority` is ignored, as in gevent.

    In a thread without a hub it returns at once.
    """
    park = new_park(("the loop to be idle",))
    if isinstance(park, NativePark):
        return
    watcher = park.hub.loop.idle()
    watcher.start(wake_park, park)
    try:
        park.wait()
    finally:
        watcher.close()
