"""A backend without a kernel, for tests: a test sets what is ready, and sleeping moves a virtual clock."""

from greenrt._loop.backends.base import Backend
from greenrt._loop.clock import VirtualClock
from greenrt._typing import ClassVar

__all__ = ["FakeBackend"]


class FakeBackend(Backend):
    """Reports what `make_ready` set; a wait takes no real time but moves `clock`."""

    __slots__ = ("_batch", "armed", "clock", "ready", "sleeps")

    name: ClassVar[str] = "fake"

    def __init__(self, clock: VirtualClock | None = None) -> None:
        self.clock = clock if clock is not None else VirtualClock()
        self.armed: dict[int, tuple[int, int]] = {}
        self.ready: dict[int, int] = {}
        # All timeouts that `wait` was called with, in seconds.
        self.sleeps: list[float] = []
        self._batch: list[tuple[int, int, int]] = []

    def make_ready(self, fd: int, events: int) -> None:
        """Let `fd` be ready for `events` from now on."""
        self.ready[fd] = events

    def arm(self, fd: int, generation: int, events: int, known: bool) -> int:
        """See `Backend.arm`."""
        self.armed[fd] = (generation, events)
        return 0

    def stick(self, fd: int, generation: int, known: bool) -> int:
        """See `Backend.stick`; `sticky` is false."""
        raise NotImplementedError

    def forget(self, fd: int) -> None:
        """See `Backend.forget`."""
        self.armed.pop(fd, None)
        self.ready.pop(fd, None)

    def wait(self, timeout: float) -> int:
        """See `Backend.wait`. RuntimeError where a real loop would sleep for ever."""
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
                    "nothing is ready and no timer is set: a real loop would sleep for ever here"
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
