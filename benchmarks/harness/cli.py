"""The command line that all areas share."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.harness import areas, machine, plot, table, turns
from benchmarks.harness.model import Area
from benchmarks.harness.results import Report
from benchmarks.harness.rivals import FAMILIES


def main(area: str | None = None, arguments: Sequence[str] | None = None) -> int:
    """Run one area, or all of them; return the exit status.

    0: greenrt completed everything. 1: it failed somewhere, or missed a target with ``--check``. 2: wrong usage.
    """
    chosen = [areas.load(name) for name in ([area] if area else areas.NAMES)]
    parser = _parser(area)
    options = parser.parse_args(arguments)
    selection = _selection(parser, options, chosen)
    shown = Progress(selection.rounds)
    report = turns.run(chosen, selection, shown)
    shown.end()
    report.machine = machine.facts()
    report.options = {
        "rounds": selection.rounds,
        "smoke": selection.smoke,
        "families": list(selection.families),
        "only": list(selection.only),
    }
    print(table.render(report), flush=True)
    _write(report, options.json, options.plot)
    return 1 if report.subject_failed() or (options.check and report.missed()) else 0


def _parser(area: str | None) -> argparse.ArgumentParser:
    name = f"benchmarks.bench_{area}" if area else "benchmarks"
    parser = argparse.ArgumentParser(
        prog=f"python -m {name}",
        description="Measures greenrt and its rivals in turn; see benchmarks/README.md.",
    )
    parser.add_argument(
        "--rivals",
        metavar="A,B",
        help=f"only these families of rivals, of {', '.join(FAMILIES)}; default all",
    )
    parser.add_argument("--only", metavar="A,B", help="only these areas or workloads (switch, sync.rlock)")
    parser.add_argument(
        "--rounds", type=int, help="how often each rival is measured; default 5, with --smoke 1"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="run everything once and briefly; the figures mean nothing"
    )
    parser.add_argument("--limit", type=float, default=180.0, help="seconds one measuring process may take")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value of every round")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the ratios as a PNG (needs matplotlib)"
    )
    parser.add_argument("--check", action="store_true", help="end with status 1 if a target is not met")
    return parser


def _selection(
    parser: argparse.ArgumentParser, options: argparse.Namespace, chosen: list[Area]
) -> turns.Options:
    """Return the options of the run. A name that selects nothing is an error."""
    families = tuple(options.rivals.split(",")) if options.rivals else FAMILIES
    only = tuple(options.only.split(",")) if options.only else ()
    names = {area.name for area in chosen}
    names |= {f"{area.name}.{workload.name}" for area in chosen for workload in area.workloads}
    for kind, given, known in (("rival", families, set(FAMILIES)), ("area or workload", only, names)):
        for name in given:
            if name not in known:
                parser.error(f"there is no {kind} {name!r}; use one of {', '.join(sorted(known))}")
    if options.smoke and options.check:
        parser.error("--check needs figures, and a --smoke run has none; drop one of them")
    rounds = options.rounds if options.rounds is not None else 1 if options.smoke else 5
    if rounds < 1:
        parser.error("--rounds must be at least 1")
    return turns.Options(families, only, rounds, options.smoke, options.limit)


def _write(report: Report, json_path: Path | None, plot_path: Path | None) -> None:
    run = report.as_json()
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(run, indent=1) + "\n")
    if plot_path is not None:
        try:
            plot.draw(run, plot_path)
        except plot.NoMatplotlib as error:
            print(f"no plot: {error}", file=sys.stderr)


class Progress:
    """Show the current measurement on stderr: in place on a terminal, otherwise one line for each round."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.live = sys.stderr.isatty()
        self.began = perf_counter()

    def __call__(self, number: int, place: int, turn: turns.Turn) -> None:
        if self.live:
            print(
                f"\r\033[Kround {number + 1} of {self.rounds}: {turn.area}.{turn.workload} {turn.rival}",
                end="",
                file=sys.stderr,
                flush=True,
            )
        elif place == 0:
            print(f"round {number + 1} of {self.rounds}", file=sys.stderr, flush=True)

    def end(self) -> None:
        print(
            f"{chr(13) + chr(27) + '[K' if self.live else ''}measured in {perf_counter() - self.began:.0f} s",
            file=sys.stderr,
        )
