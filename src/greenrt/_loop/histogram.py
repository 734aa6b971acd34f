"""Histogram: how often durations of each size occurred."""

from bisect import bisect_left
from math import inf

__all__ = ["Histogram"]

# The upper bounds of the classes, in seconds.
BOUNDS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, inf)


class Histogram:
    """How often durations of each size occurred. One thread records; any thread may read.

    Attributes (read-only): `counts`, the number of durations up to each of `BOUNDS` and above the bound before;
    `total`, their sum, and `longest`, both in seconds.
    """

    __slots__ = ("counts", "longest", "total")

    def __init__(self) -> None:
        self.counts: list[int] = [0] * len(BOUNDS)
        self.total: float = 0.0
        self.longest: float = 0.0

    def record(self, seconds: float) -> None:
        """Count a duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds
        if seconds > self.longest:
            self.longest = seconds
