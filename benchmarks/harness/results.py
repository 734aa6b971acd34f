"""The results: a cell for each rival in each row, medians, ratios, and their JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.harness.model import Area, Metric, Target, median
from benchmarks.harness.rivals import BASELINE, RIVALS, SUBJECT

Status = Literal["ok", "failed", "not installed", "not run"]


@dataclass(slots=True)
class Cell:
    """One rival in one row. ``rounds`` has one entry for each round: a value, or None for a failure."""

    status: Status = "ok"
    rounds: list[float | None] = field(default_factory=list)
    error: str | None = None

    @property
    def values(self) -> list[float]:
        return [value for value in self.rounds if value is not None]

    @property
    def value(self) -> float | None:
        return median(self.values) if self.values else None

    def add(self, value: float | None, error: str | None = None) -> None:
        """Record one round's value, or its error."""
        self.rounds.append(value)
        self.error = error or self.error
        # One successful round gives a value; failed rounds stay visible as ``error``.
        self.status = "ok" if self.values else "failed"


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times better one rival is than another: the median over the rounds, and its range."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target and its measured ratio, which is None if either side has no value."""

    target: Target
    ratio: Ratio | None

    @property
    def counts(self) -> bool:
        """Whether a miss makes ``--check`` fail."""
        return not self.target.later

    @property
    def word(self) -> str:
        if self.ratio is None:
            return "not measured"
        return "met" if self.ratio.value >= self.target.ratio else "missed"


@dataclass(slots=True)
class Row:
    """One metric with the cells of all its rivals."""

    area: Area
    metric: Metric
    cells: dict[str, Cell]

    def ratio(self, rival: str, other: str) -> Ratio | None:
        """Return how many times better ``rival`` is than ``other``, or None if they share no round.

        The result is the median of the ratios of the rounds: a slow phase of the machine affects both sides of a
        round and cancels out. A difference of times that noise made negative has no ratio.
        """
        mine, theirs = self.cells.get(rival), self.cells.get(other)
        if mine is None or theirs is None:
            return None
        ratios = [
            self.metric.unit.ratio(a, b)
            for a, b in zip(mine.rounds, theirs.rounds, strict=False)
            if a is not None and b is not None and a > 0 and b > 0
        ]
        return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None

    def verdicts(self) -> Iterator[Verdict]:
        for target in self.metric.targets:
            yield Verdict(target, self.ratio(SUBJECT, target.rival))


@dataclass(slots=True)
class Report:
    """The rows of all areas, in the order of the table."""

    areas: list[Area]
    rows: list[Row]
    # Areas that cannot run here, with the reasons.
    not_run: dict[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def of(self, area: Area) -> list[Row]:
        return [row for row in self.rows if row.area is area]

    def remarks(self, area: Area) -> list[str]:
        """Return what a reader must know about the area's rows."""
        if area.name in self.not_run:
            return [f"not run: {self.not_run[area.name]}"]
        medians = {
            row.metric.name: {name: cell.value for name, cell in row.cells.items() if cell.value is not None}
            for row in self.of(area)
        }
        return area.remarks(medians, bool(self.options.get("smoke")))

    def subject_failed(self) -> bool:
        """Return whether greenrt is missing, or failed anywhere, even in a single round."""
        cells = [row.cells[SUBJECT] for row in self.rows if SUBJECT in row.cells]
        return any(cell.error is not None or cell.status in ("failed", "not installed") for cell in cells)

    def missed(self) -> list[tuple[Row, Verdict]]:
        """Return the targets of this release that were not met."""
        found = [(row, verdict) for row in self.rows for verdict in row.verdicts()]
        return [(row, verdict) for row, verdict in found if verdict.counts and verdict.word != "met"]

    def as_json(self) -> dict[str, Any]:
        """Return all results for JSON, without rounding."""
        return {
            "machine": dict(self.machine),
            "options": dict(self.options),
            "areas": [
                {
                    "name": area.name,
                    "title": area.title,
                    "remarks": self.remarks(area),
                    "rows": [_row_json(row) for row in self.of(area)],
                }
                for area in self.areas
            ],
        }


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "metric": row.metric.name,
        "title": row.metric.title.strip(),
        "unit": row.metric.unit.base,
        "better": row.metric.unit.better,
        "in_table": row.metric.in_table,
        "rivals": {
            name: {
                "status": cell.status,
                "median": cell.value,
                "rounds": cell.rounds,
                "error": cell.error,
                f"times_better_than_{BASELINE}": _ratio_json(row.ratio(name, BASELINE)),
            }
            for name, cell in sorted(row.cells.items(), key=lambda item: list(RIVALS).index(item[0]))
        },
        "targets": [
            {
                "rival": verdict.target.rival,
                "at_least": verdict.target.ratio,
                "later": verdict.target.later,
                "measured": _ratio_json(verdict.ratio),
                "verdict": verdict.word,
            }
            for verdict in row.verdicts()
        ],
    }


def _ratio_json(ratio: Ratio | None) -> dict[str, float] | None:
    return None if ratio is None else {"median": ratio.value, "low": ratio.low, "high": ratio.high}
