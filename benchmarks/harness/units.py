"""Units of measured values, with their directions and their forms in a table."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit; values are stored in ``base`` and shown in the nearest of ``scale`` (size, symbol)."""

    base: str
    better: Literal["lower", "higher"]
    scale: tuple[tuple[float, str], ...]

    def show(self, value: float) -> str:
        """Return the value with three significant digits and its symbol."""
        size, symbol = self.scale[0]
        for size, symbol in self.scale:  # noqa: B007  (the last step is for all smaller values)
            if abs(value) >= size:
                break
        scaled = value / size
        digits = 0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
        return f"{scaled:.{digits}f} {symbol}"

    def ratio(self, value: float, other: float) -> float:
        """Return how many times better ``value`` is: 2.0 means half the cost of ``other``, or twice its rate."""
        good, bad = (other, value) if self.better == "lower" else (value, other)
        return good / bad


_TIME = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))

SECONDS = Unit("s", "lower", _TIME)
BYTES = Unit("B", "lower", ((1000.0, "kB"), (1.0, "B")))
PER_SECOND = Unit("1/s", "higher", ((1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")))
SHARE = Unit("share", "higher", ((0.01, "%"),))
