"""A backend without a kernel, for tests. The test sets the ready fds, and sleeping advances a virtual clock."""

from greenrt._loop.backends.base import Backend
from greenrt._loop.clock import VirtualClock
from greenrt._typing import ClassVar

__all__ = ["FakeBackend"]


class FakeBackend(Backend):
    """Reports the events that `make_ready` set. A wait takes no real time, but advances `clock`."""

    __slots__ = ("_batch", "armed", "clock", "ready", "sleeps")

    name: ClassVar[str] = "fake"

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self.clock = clock if clock is not None else VirtualClock()
        self.armed: dict[int, tuple[int, int]] = {}
        self.ready: dict[int, int] = {}
        # The timeouts of all calls of `wait`, in seconds.
        self.sleeps: list[float] = []
        self._batch: list[tuple[int, int, int]] = []

    def make_ready(self, fd: int, events: int) -> None:
        """Make `fd` ready for `events` from now on."""
        self.ready[fd] = events

    def arm(self, fd: int, generation: int, events: int, registered: bool) -> int:
        """See `Backend.arm`."""
        self.armed[fd] = (generation, events)
        return 0

    def watch_edges(self, fd: int, generation: int, registered: bool) -> int:
        """See `Backend.watch_edges`; `has_edges` is false."""
        raise NotImplementedError

    def forget(self, fd: int) -> None:
        """See `Backend.forget`."""
        self.armed.pop(fd, None)
        self.ready.pop(fd, None)

    def wait(self, timeout: float) -> int:
        """See `Backend.wait`. Raises RuntimeError if a real loop would sleep forever."""
        self.sleeps.append(timeout)
        self._batch = []
        for fd, events in self.ready.items():
            generation, wanted = self.armed.get(fd, (0, 0))
            if events & wanted:
                self._batch.append((fd, generation, events & wanted))
        for fd, _, _ in self._batch:
            del self.armed[fd]
        if not self._batch:
            if timeout < 0:
                raise RuntimeError(
                    "no fd is ready and no timer is set, so a real loop would sleep forever; set one of the two"
                )
            self.clock.advance(timeout)
        return len(self._batch)

    def ready_fd(self, index: int) -> int:
        """See `Backend.ready_fd`."""
        return self._batch[index][0]

    def ready_generation(self, index: int) -> int:
        """See `Backend.ready_generation`."""
        return self._batch[index][1]

    def ready_events(self, index: int) -> int:
        """See `Backend.ready_events`."""
        return self._batch[index][2]

    def fresh(self) -> "FakeBackend":
        """See `Backend.fresh`."""
        return FakeBackend(self.clock)

    def close(self) -> None:
        """See `Backend.close`."""
        self.armed.clear()
