"""A queue of parked greenthreads, which hands each of them one object."""

from collections import deque
from collections.abc import Callable

from greenrt._hub.current_hub import get_hub_if_exists
from greenrt._hub.park import TIMED_OUT, Park, in_hub, new_park
from greenrt._typing import Any

__all__ = ["TIMED_OUT", "Waiters"]


class Waiters:
    """Parked greenthreads in the order of their arrival.

    An object that was handed to a waiter cannot be lost: a kill or a Timeout that comes later takes effect at the
    waiter's next blocking call. Any thread may call `hand_over`.
    """

    __slots__ = ("_parks",)

    def __init__(self) -> None:
        self._parks: deque[tuple[Park, Any]] = deque()

    def __len__(self) -> int:
        return len(self._parks)

    def wait(self, what: object, timeout: Any = None, item: Any = None) -> Any:
        """Park until `hand_over`; return the object, or TIMED_OUT after `timeout` seconds (None: no limit).

        `what` is shown in dumps. `item` is an object of the waiter's, which `hand_over` passes to its caller.
        """
        park = new_park(what)
        entry = (park, item)
        self._parks.append(entry)
        try:
            return park.wait(timeout)
        finally:
            if entry in self._parks:
                self._parks.remove(entry)

    def hand_over(self, given: Any) -> tuple[Any] | None:
        """Wake the first waiter with `given`; return a tuple with its item, or None if nothing waits."""
        return self.hand_over_from(lambda: given)

    def hand_over_from(self, make: Callable[[], Any]) -> tuple[Any] | None:
        """Like `hand_over`, with the result of ``make()``, which is called only if there is a waiter."""
        while self._parks:
            park, item = self._parks.popleft()
            if park.claim():
                try:
                    given = make()
                except BaseException as error:
                    park.finish_failed(error)
                else:
                    park.finish(given)
                if in_hub() and park.hub is get_hub_if_exists():
                    # As in eventlet, the waiter runs before all that is scheduled. The second entry has no effect.
                    park.hub.loop.ready.appendleft(park)
                return (item,)
        return None
