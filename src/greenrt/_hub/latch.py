"""A flag that can be waited for, and linked to: the end of a greenlet, an event, a result."""

from greenrt._hub.guarded import Guarded, WaitList
from greenrt._hub.links import LinkList, as_link
from greenrt._hub.park import TIMED_OUT, Park, new_park
from greenrt._typing import Any

__all__ = ["Latch"]

WAIT = 1
LINK = 2
UNLINK = 3
FIRE = 4
CALL_LINKS = 5


class Latch(Guarded):
    """Set once, or set and cleared. Any thread. Links are called before waiters go on, each in the order of arrival.

    `source` is what links are called with; None: the latch itself.
    """

    __slots__ = ("_links", "_set", "_waiters", "source")

    def __init__(self, source: Any = None) -> None:
        self._set = False
        self.source = source
        self._waiters: WaitList | None = None
        self._links: LinkList | None = None

    def wait_set(self, timeout: Any) -> bool:
        """Park until set; return False if `timeout` (seconds; None: never) ran out first."""
        if self._set:
            return True
        park = new_park(self if self.source is None else self.source)
        park.guard = self
        if self._enter():
            if self._set:
                park.wake(True)
            else:
                self._add(park)
            self._finish()
        else:
            self._submit(WAIT, park)
        return park.wait(timeout) is not TIMED_OUT

    def fire(self) -> None:
        """Set, call all links, wake all waiters; idempotent."""
        if self._enter():
            self._set = True
            try:
                self._fire()
            finally:
                self._finish()
        else:
            self._submit(FIRE, None)

    def call_links(self) -> None:
        """Set, and call all links; what `fire` does first."""
        self._submit(CALL_LINKS, None)

    def reset(self) -> None:
        """Unset; woken waiters stay woken."""
        # One store, which needs no gate: a look at the flag under the gate finds it set or unset, as if this had
        # come after or before.
        self._set = False

    def link(self, callback: Any) -> None:
        """Call ``callback(source)`` in the hub of this thread once set; at once if it is."""
        self._submit(LINK, as_link(callback))

    def unlink(self, callback: Any) -> None:
        """Take one link back; no-op if it isn't there."""
        self._submit(UNLINK, callback)

    def unlink_all(self) -> None:
        """Take all links back."""
        links = self._links
        if links is not None:
            for link in links.all():
                self._submit(UNLINK, link)

    def has_links(self) -> bool:
        """Tell whether anyone waits or is linked."""
        return self.count_waiting() > 0

    def has_queued_links(self) -> bool:
        """Tell whether links were notified whose calls have not been made."""
        links = self._links
        return links is not None and links.queued is not None

    def count_waiting(self) -> int:
        """Return how many wait or are linked."""
        count = 0
        if self._links is not None:
            count += len(self._links.waiting)
        if self._waiters is not None:
            count += self._waiters.count
        return count

    def _forget_waiting(self) -> None:
        """Drop all waiters and links, in the child of a fork: they are the parent's."""
        self._renew()
        self._waiters = None
        self._links = None

    def _apply(self, code: int, operand: Any) -> None:
        if code == WAIT:
            if self._set:
                operand.wake(True)
            else:
                self._add(operand)
        elif code == FIRE:
            self._set = True
            self._fire()
        elif code == CALL_LINKS:
            self._set = True
            self._call_links()
        elif code == LINK:
            if self._links is None:
                self._links = LinkList()
            if self._set:
                self._links.notify(operand, self._source())
            else:
                self._links.waiting.append(operand)
        elif code == UNLINK:
            if self._links is not None:
                self._links.take_out(operand)
        else:
            Guarded._apply(self, code, operand)

    def _add(self, park: Park) -> None:
        waiters = self._waiters
        if waiters is None:
            waiters = self._waiters = WaitList()
        waiters.append(park)

    def _fire(self) -> None:
        try:
            self._call_links()
        finally:
            waiters = self._waiters
            if waiters is not None:
                while waiters.count:
                    park: Any = waiters.popleft()
                    park.wake(True)

    def _call_links(self) -> None:
        links = self._links
        if links is not None and links.waiting:
            links.notify_all(self._source())

    def _source(self) -> Any:
        return self if self.source is None else self.source
