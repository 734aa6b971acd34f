"""Deadline: a moment at which a wait of several steps ends, or none."""

from time import monotonic

__all__ = ["Deadline"]


class Deadline:
    """A moment that lies `seconds` after the construction, by the monotonic clock. None: there is no limit.

    Negative `seconds` mean a moment that has passed. Any thread may use it.
    """

    __slots__ = ("_moment",)

    def __init__(self, seconds: float | None) -> None:
        self._moment = None if seconds is None else monotonic() + seconds

    def left(self) -> float | None:
        """Return the seconds that are left, 0.0 if the moment has passed; None if there is no limit."""
        moment = self._moment
        if moment is None:
            return None
        left = moment - monotonic()
        return left if left > 0.0 else 0.0

    def passed(self) -> bool:
        """Return whether the moment has passed; False if there is no limit."""
        moment = self._moment
        return moment is not None and monotonic() >= moment

    def __repr__(self) -> str:
        left = self.left()
        return f"<Deadline {'without a limit' if left is None else f'in {left:.3f} s'}>"
