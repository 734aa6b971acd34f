"""Render the report as text: one line for each row, ratios beside the values, and all failures below the table."""

from collections.abc import Iterator

from benchmarks.harness.results import Ratio, Report, Row, Verdict
from benchmarks.harness.rivals import BASELINE, COLUMNS, SUBJECT

HEAD = ("", *COLUMNS, f"{SUBJECT} is", "target")
TITLE_WIDTH = 40


class Notes:
    """Numbered notes below the table; equal texts share a number."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def mark(self, text: str) -> str:
        if text not in self.texts:
            self.texts.append(text)
        return f"[{self.texts.index(text) + 1}]"


def render(report: Report) -> str:
    """Return the whole table with its notes."""
    notes = Notes()
    judged = not report.options.get("smoke")
    lines: list[tuple[str, ...] | str] = [HEAD]
    for area in report.areas:
        rows = [row for row in report.of(area) if row.metric.in_table]
        if not rows:
            continue
        lines += ["", area.title]
        for row in rows:
            lines += _row(row, notes, judged)
        lines += [f"  {remark}" for remark in report.remarks(area)]
    text = _align(lines)
    if notes.texts:
        text += "\n\n" + "\n".join(f"[{number}] {note}" for number, note in enumerate(notes.texts, 1))
    return f"{text}\n\n{summary(report)}"


def summary(report: Report) -> str:
    """Return how many targets were met, and a line for each miss."""
    if report.options.get("smoke"):
        return "smoke run: everything ran once and briefly; the figures are no measurements, and no target is judged"
    verdicts = [
        (row, verdict)
        for row in report.rows
        for verdict in row.verdicts()
        if verdict.counts and verdict.ratio
    ]
    missed = [(row, verdict) for row, verdict in report.missed() if verdict.ratio]
    text = f"{len(verdicts) - len(missed)} of {len(verdicts)} targets met"
    unknown = len(report.missed()) - len(missed)
    if unknown:
        text += f", {unknown} not measured"
    for row, verdict in missed:
        text += f"\nmissed: {row.area.name}.{row.metric.name}, {_times(verdict.ratio, verdict.target.rival)}"
        text += f" instead of {verdict.target.ratio:g}"
    return text


def _row(row: Row, notes: Notes, judged: bool) -> Iterator[tuple[str, ...] | str]:
    verdicts = [
        (_times(verdict.ratio, verdict.target.rival), _target(verdict, judged)) for verdict in row.verdicts()
    ]
    if not verdicts:
        verdicts = [(_times(row.ratio(SUBJECT, BASELINE), BASELINE), "")]
    cells = [_cell(row, name, notes) for name in COLUMNS]
    yield (f"  {row.metric.title}", *cells, *verdicts[0])
    for verdict in verdicts[1:]:
        yield ("", *("" for _ in COLUMNS), *verdict)
    others = [f"{name} {_cell(row, name, notes)}" for name in row.cells if name not in COLUMNS]
    if others:
        yield "      also: " + " · ".join(others)


def _target(verdict: Verdict, judged: bool) -> str:
    text = f"≥ {verdict.target.ratio:g}"
    if judged:
        text += f" {verdict.word}"
    return text if verdict.counts else f"{text} (later)"


def _times(ratio: Ratio | None, rival: str) -> str:
    value = "-" if ratio is None else f"{ratio.value:.2f}"
    return f"{value} × {rival}"  # noqa: RUF001


def _cell(row: Row, name: str, notes: Notes) -> str:
    cell = row.cells.get(name)
    if cell is None:
        return "-"
    if cell.value is None:
        return cell.status + (f" {notes.mark(cell.error)}" if cell.error and cell.status == "failed" else "")
    text = row.metric.unit.show(cell.value)
    ratio = row.ratio(name, BASELINE)
    if ratio is not None and name != BASELINE:
        text += f" ({ratio.value:.2f})"
    failures = cell.rounds.count(None)
    if failures:
        text += " " + notes.mark(f"failed in {failures} of {len(cell.rounds)} rounds: {cell.error}")
    return text


def _align(lines: list[tuple[str, ...] | str]) -> str:
    rows = [line for line in lines if isinstance(line, tuple)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    widths[0] = max(widths[0], TITLE_WIDTH)
    out = []
    for line in lines:
        if isinstance(line, str):
            out.append(line)
            continue
        first, *middle, target = line
        aligned = [first.ljust(widths[0])]
        aligned += [text.rjust(width) for text, width in zip(middle, widths[1:-1], strict=True)]
        out.append("  ".join([*aligned, target]).rstrip())
    return "\n".join(out)
