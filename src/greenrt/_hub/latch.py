"""Latch: a flag with waiters and links. It is the base of Event and AsyncResult, and the end of a greenlet."""

from collections.abc import Callable

from greenrt._hub.guarded import Guarded, WaitList
from greenrt._hub.links import LinkList, as_link
from greenrt._hub.park import TIMED_OUT, Park, new_park
from greenrt._typing import Any, Self

__all__ = ["Latch"]

WAIT = 1
LINK = 2
UNLINK = 3
SET = 4
NOTIFY_LINKS = 5


class Latch(Guarded):
    """A flag that is set once, or set and cleared. Any thread may call its methods.

    When the flag is set, links are notified first; then waiters are woken. Both keep the order of their arrival.
    `source` is the argument of the callbacks; None stands for the latch itself.
    """

    __slots__ = ("_links", "_set", "_source", "_waiters")

    def __init__(self, source: object = None) -> None:
        self._set = False
        self._source = source
        self._waiters: WaitList | None = None
        self._links: LinkList | None = None

    def ready(self) -> bool:
        """Return whether it is set; `greenrt.wait` calls this."""
        return self._set

    def rawlink(self, callback: Callable[[Self], object]) -> None:
        """Call ``callback(source)`` in the hub of the calling thread once this is set; soon if it is set already.

        `source` is this object. The callback may not block. Raises TypeError if it is not callable. Any thread.
        """
        self._submit(LINK, as_link(callback))

    def unlink(self, callback: Callable[[Self], object]) -> None:
        """Remove the first link of `callback` that has not been called. No-op if there is none. Any thread."""
        self._submit(UNLINK, callback)

    def linkcount(self) -> int:
        """Return the number of waiters and links."""
        count = 0
        if self._links is not None:
            count += len(self._links.waiting)
        if self._waiters is not None:
            count += self._waiters.count
        return count

    def _wait_set(self, timeout: Any) -> bool:
        """Park until the flag is set; return False after `timeout` seconds (None: no limit)."""
        if self._set:
            return True
        park = new_park(self if self._source is None else self._source)
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

    def _set_flag(self) -> None:
        """Set the flag, notify all links, wake all waiters. Idempotent."""
        if self._enter():
            self._set = True
            try:
                self._notify_all()
            finally:
                self._finish()
        else:
            self._submit(SET, None)

    def _set_and_notify_links(self) -> None:
        """Set the flag and notify all links: the first part of `_set_flag`."""
        self._submit(NOTIFY_LINKS, None)

    def _clear_flag(self) -> None:
        """Clear the flag. Waiters that were woken stay woken."""
        # One store needs no critical section: code in a critical section reads the flag before or after it.
        self._set = False

    def _unlink_all(self) -> None:
        """Remove all links."""
        links = self._links
        if links is not None:
            for link in links.all():
                self._submit(UNLINK, link)

    def _has_links(self) -> bool:
        """Return whether there is a waiter or a link."""
        return self.linkcount() > 0

    def _has_queued_links(self) -> bool:
        """Return whether links were notified whose calls are still in a run queue."""
        links = self._links
        return links is not None and links.queued is not None

    def _forget_waiting(self) -> None:
        """Drop all waiters and links: in the child of a fork they belong to the parent."""
        self._reset_after_fork()
        self._waiters = None
        self._links = None

    # -- Inside a critical section

    def _apply(self, code: int, operand: Any) -> None:
        if code == WAIT:
            if self._set:
                operand.wake(True)
            else:
                self._add(operand)
        elif code == SET:
            self._set = True
            self._notify_all()
        elif code == NOTIFY_LINKS:
            self._set = True
            self._notify_links()
        elif code == LINK:
            if self._links is None:
                self._links = LinkList()
            if self._set:
                self._links.notify(operand, self._argument())
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

    def _notify_all(self) -> None:
        try:
            self._notify_links()
        finally:
            waiters = self._waiters
            if waiters is not None:
                while waiters.count:
                    park: Any = waiters.popleft()
                    park.wake(True)

    def _notify_links(self) -> None:
        links = self._links
        if links is not None and links.waiting:
            links.notify_all(self._argument())

    def _argument(self) -> Any:
        return self if self._source is None else self._source
