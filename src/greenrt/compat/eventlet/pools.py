"""eventlet.pools: a bounded number of objects that greenthreads share."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

from . import queue

__all__ = ["Pool", "TokenPool"]


class Pool:
    """At most `max_size` objects; `get` waits for a free one.

    Arguments: `min_size`, the number of objects that are made at once; `max_size`; `order_as_stack`, whether `get`
    returns the object that came back last, rather than the one that came back first; `create`, the function that
    makes an object, unless a subclass defines the method.

    Attributes: `current_size`, the number of objects that exist; `free_items`, those that are free; `channel`, where
    `get` waits.
    """

    def __init__(
        self,
        min_size: int = 0,
        max_size: int = 4,
        order_as_stack: bool = False,
        create: Callable[[], Any] | None = None,
    ) -> None:
        self.min_size = min_size
        self.max_size: int = max_size
        self.order_as_stack = order_as_stack
        self.current_size: int = 0
        self.channel: queue.LightQueue = queue.LightQueue(0)
        self.free_items: deque[Any] = deque()
        if create is not None:
            self.create = create  # type: ignore[method-assign]
        for _ in range(min_size):
            self.current_size += 1
            self.free_items.append(self.create())

    def get(self) -> Any:
        """Return an object; wait for one if `max_size` objects are in use."""
        if self.free_items:
            return self.free_items.popleft()
        if self.current_size >= self.max_size:
            return self.channel.get()
        # `create` may wait, and other greenthreads must not make more than `max_size` objects meanwhile.
        self.current_size += 1
        try:
            return self.create()
        except BaseException:
            self.current_size -= 1
            raise

    @contextmanager
    def item(self) -> Iterator[Any]:
        """Get an object for the time of a ``with`` block."""
        found = self.get()
        try:
            yield found
        finally:
            self.put(found)

    def put(self, item: Any) -> None:
        """Give an object back. It goes to the first waiter, if there is one."""
        if self.current_size > self.max_size:
            self.current_size -= 1
            return
        if self.waiting():
            try:
                self.channel.put(item, block=False)
                return
            except queue.Full:
                # The waiter has just been killed.
                pass
        if self.order_as_stack:
            self.free_items.appendleft(item)
        else:
            self.free_items.append(item)

    def _forget(self) -> None:
        """Count an object that was dropped."""
        self.current_size -= 1

    def resize(self, new_size: int) -> None:
        """Change `max_size`. Objects beyond it are dropped when they come back."""
        self.max_size = new_size

    def free(self) -> int:
        """Return the number of `get` calls that would not wait."""
        return len(self.free_items) + self.max_size - self.current_size

    def waiting(self) -> int:
        """Return the number of greenthreads that wait in `get`."""
        return max(0, self.channel.getting() - self.channel.putting())

    def create(self) -> Any:
        """Make an object. A subclass defines this, unless the constructor got `create`."""
        raise NotImplementedError(f"{type(self).__name__} needs a method `create`, or the argument `create`")


class Token:
    """An object of a TokenPool."""


class TokenPool(Pool):
    """A pool of tokens: its holder has the right to use a resource."""

    def create(self) -> Token:
        """Make a token."""
        return Token()


__getattr__: Callable[[str], Any] = missing_names(__name__)
