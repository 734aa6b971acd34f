"""What a file descriptor is ready for at this moment, by poll(2) without a wait."""

from greenrt import _original

__all__ = ["POLLIN", "POLLOUT", "ready_for"]

POLLIN = 1
POLLOUT = 4


def ready_for(fd: int, events: int) -> int:
    """Return those poll(2) events, of `events` and POLLERR, POLLHUP and POLLNVAL, that `fd` has now; 0: none."""
    poller = _original.poll()
    poller.register(fd, events)
    found: list[tuple[int, int]] = poller.poll(0)
    return found[0][1] if found else 0
