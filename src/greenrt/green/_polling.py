"""Polling with growing pauses, for states that cause no event: other greenlets run in the pauses."""

from collections.abc import Callable, Iterator

from greenrt._deadline import Deadline
from greenrt._hub.sleep import sleep

__all__ = ["growing_pauses", "poll_until"]


def growing_pauses(shortest: float = 0.001, longest: float = 0.02) -> Iterator[float]:
    """Yield the pauses (seconds) before the next checks, without end: each is twice as long, up to `longest`."""
    pause = shortest
    while True:
        yield pause
        pause = min(2 * pause, longest)


def poll_until(
    condition: Callable[[], object],
    timeout: float | None = None,
    shortest: float = 0.001,
    longest: float = 0.02,
) -> bool:
    """Sleep until `condition()` is true. Return False if `timeout` seconds pass first (None: no limit).

    shortest, longest: the pauses between the calls of `condition`, as for `growing_pauses`.
    """
    deadline = Deadline(timeout)
    pauses = growing_pauses(shortest, longest)
    while not condition():
        pause, left = next(pauses), deadline.left()
        if left == 0.0:
            return False
        sleep(pause if left is None else min(pause, left))
    return True
