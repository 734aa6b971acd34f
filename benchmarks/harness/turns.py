"""Run the measurements: each in a process of its own, the rivals alternating (A B A B), over several rounds."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.model import Area, Workload, median
from benchmarks.harness.results import Cell, Report, Row
from benchmarks.harness.rivals import FAMILIES, RIVALS

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a run.

    ``only`` has names like ``area`` or ``area.workload``; ``limit`` is the most seconds of one process.
    """

    families: tuple[str, ...] = FAMILIES
    only: tuple[str, ...] = ()
    rounds: int = 5
    smoke: bool = False
    limit: float = 180.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One rival's measurement of one workload, and the cells for its samples."""

    area: str
    workload: str
    rival: str
    cells: dict[str, Cell]


def run(areas: list[Area], options: Options, progress: Callable[[int, int, Turn], None]) -> Report:
    """Measure everything that the options select. A failure of a rival is recorded and never raised."""
    report = Report(areas, [])
    turns: list[Turn] = []
    for area in areas:
        workloads = [workload for workload in area.workloads if _selected(area, workload, options.only)]
        reason = area.prepare() if workloads else None
        if reason is not None:
            report.not_run[area.name] = reason
        for workload in workloads:
            turns += _plan(report, area, workload, options.families, reason)
    # All measurements run once in each round: a busy minute of the machine then spoils one round, not one workload.
    for number in range(options.rounds):
        for place, turn in enumerate(turns):
            progress(number, place, turn)
            take(turn, options)
    return report


def _selected(area: Area, workload: Workload, only: tuple[str, ...]) -> bool:
    return not only or area.name in only or f"{area.name}.{workload.name}" in only


def _plan(
    report: Report, area: Area, workload: Workload, families: tuple[str, ...], reason: str | None
) -> list[Turn]:
    """Add the workload's rows to the report; return a turn for each rival that can run."""
    rows = [Row(area, metric, {}) for metric in workload.metrics]
    report.rows += rows
    turns = []
    for name in workload.rivals:
        if RIVALS[name].family not in families:
            continue
        cells = {row.metric.name: row.cells.setdefault(name, Cell()) for row in rows}
        installed = RIVALS[name].installed()
        if installed and reason is None:
            turns.append(Turn(area.name, workload.name, name, cells))
            continue
        for cell in cells.values():
            cell.status, cell.error = ("not run", reason) if installed else ("not installed", None)
    return turns


def take(turn: Turn, options: Options) -> None:
    """Run one measurement and put each metric's median, or the error, into its cell."""
    output, error = _child(turn, options)
    samples: dict[str, list[float]] = {}
    for line in output.splitlines():
        try:
            sample = json.loads(line)
            samples.setdefault(sample["metric"], []).append(float(sample["value"]))
        except (ValueError, TypeError, KeyError):
            error = error or f"printed a line that is no sample: {line[:80]}"
    for metric, cell in turn.cells.items():
        values = samples.get(metric)
        if error is None and values:
            cell.add(median(values))
        else:
            cell.add(None, error or "ended without a sample")


def _child(turn: Turn, options: Options) -> tuple[str, str | None]:
    """Return the output of the measuring process, and its error or None."""
    effort = "smoke" if options.smoke else "full"
    command = [sys.executable, "-m", "benchmarks.harness.child", turn.area, turn.workload, turn.rival, effort]
    # The process has a session of its own, so that everything it started, such as a server, can be ended with it.
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        output, errors = process.communicate(timeout=options.limit)
    except subprocess.TimeoutExpired:
        _end(process)
        return "", f"did not end within {options.limit:g} s"
    except BaseException:
        _end(process)
        raise
    if process.returncode == 0:
        return output, None
    return output, _last_line(errors) or _status(process.returncode)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill a measuring process that was not waited for yet, and all its descendants."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _last_line(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _status(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
