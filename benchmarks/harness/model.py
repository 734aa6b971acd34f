"""The parts of an area: workloads, their metrics, and the target ratios."""

import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from benchmarks.harness.rivals import BASELINE
from benchmarks.harness.units import SECONDS, Unit


@dataclass(frozen=True, slots=True)
class Target:
    """greenrt should be at least ``ratio`` times better than ``rival``."""

    ratio: float
    rival: str = BASELINE
    # A target of a later release is shown and judged, but never makes ``--check`` fail.
    later: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table."""

    name: str
    title: str
    unit: Unit = SECONDS
    targets: tuple[Target, ...] = ()
    # A metric that only explains another row is in the JSON alone.
    in_table: bool = True


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: a smoke run only shows that everything works."""

    smoke: bool
    # Each timed section of a repeated workload lasts at least this many seconds.
    section: float
    # Timed sections in one process, after the warm-up.
    repeats: int
    # How long a load generator warms a server up, and measures it. On a busy machine an answer may take long, and the
    # smoke run needs one.
    warmup: float
    window: float


FULL = Effort(smoke=False, section=0.25, repeats=3, warmup=0.5, window=1.5)
SMOKE = Effort(smoke=True, section=0.001, repeats=0, warmup=0.05, window=0.5)


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value, in the base unit of its metric."""

    metric: str
    value: float
    # The number of operations in the timed section.
    count: int


class Workload(Protocol):
    """Something that can be measured for each of the rivals that it names."""

    @property
    def name(self) -> str: ...
    @property
    def metrics(self) -> tuple[Metric, ...]: ...
    @property
    def rivals(self) -> tuple[str, ...]: ...

    def measure(self, rival: str, effort: Effort) -> Iterator[Sample]:
        """Yield samples. Runs in a process that does nothing else."""
        ...


@dataclass(frozen=True, slots=True)
class Repeated:
    """A cheap operation, repeated n times; n grows until the timed section is long enough.

    A side is called with n, a multiple of ``step``, and returns the seconds of its own timed section. So the set-up
    is never timed.
    """

    metric: Metric
    sides: Mapping[str, Callable[[int], float]]
    step: int = 1

    @property
    def name(self) -> str:
        return self.metric.name

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (self.metric,)

    @property
    def rivals(self) -> tuple[str, ...]:
        return tuple(self.sides)

    def measure(self, rival: str, effort: Effort) -> Iterator[Sample]:
        side = self.sides[rival]
        count, seconds = self._calibrate(side, effort.section)
        if effort.smoke:
            yield Sample(self.metric.name, seconds / count, count)
            return
        for _ in range(effort.repeats):
            gc.collect()
            yield Sample(self.metric.name, side(count) / count, count)

    def _calibrate(self, side: Callable[[int], float], section: float) -> tuple[int, float]:
        """Return the number of operations that fill a section, and their time. These runs are the warm-up."""
        count = self.step
        while (seconds := side(count)) < section:
            # One run may be too short or too long by chance, so the count grows by a factor of ten at most.
            growth = min(10.0, 1.2 * section / seconds) if seconds > 0 else 10.0
            count = max(count + self.step, int(count * growth) // self.step * self.step)
        return count, seconds


@dataclass(frozen=True, slots=True)
class Once:
    """A workload of a fixed size, run once in each process; a side returns a value for each metric."""

    name: str
    metrics: tuple[Metric, ...]
    sides: Mapping[str, Callable[[int], Mapping[str, float]]]
    full: int
    smoke: int

    @property
    def rivals(self) -> tuple[str, ...]:
        return tuple(self.sides)

    def measure(self, rival: str, effort: Effort) -> Iterator[Sample]:
        count = self.smoke if effort.smoke else self.full
        gc.collect()
        for metric, value in self.sides[rival](count).items():
            yield Sample(metric, value, count)


def _nothing_to_prepare() -> str | None:
    return None


# The medians of an area's metrics: {metric: {rival: value}}.
Medians: TypeAlias = Mapping[str, Mapping[str, float]]


def _no_remarks(medians: Medians, smoke: bool) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class Area:
    """The workloads of one script."""

    name: str
    title: str
    workloads: tuple[Workload, ...]
    # Runs once before the measurements; returns why the area cannot run here, or None.
    prepare: Callable[[], str | None] = _nothing_to_prepare
    # Gets the medians, and whether it was a smoke run; returns what a reader must know in order to trust the rows.
    remarks: Callable[[Medians, bool], list[str]] = field(default=_no_remarks)


def median(values: list[float]) -> float:
    """Return the median, which one noisy round cannot move."""
    # The statistics module is not used: each measuring process would import it, and with it decimal and random.
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
