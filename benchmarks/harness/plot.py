"""Draw a finished run: ``python -m benchmarks.harness.plot RUN.json PICTURE.png``.

Each row has greenrt as a bar, its rivals as dots and the target as a tick. The scale is logarithmic and shows how
many times better than gevent each one is.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.harness.rivals import BASELINE, RIVALS, SUBJECT

RATIO = f"times_better_than_{BASELINE}"
BAR = "#2a7f62"
SLOWER = "#c98b8b"
MARKS = {
    "eventlet": ("o", "#b5651d"),
    "asyncio": ("s", "#4063d8"),
    "uvloop": ("D", "#9558b2"),
    "greenrt.green": ("P", "#7bc8a4"),
    "asyncio Protocol": ("x", "#4063d8"),
    "uvloop Protocol": ("X", "#9558b2"),
    "native threads": ("v", "#666666"),
    "unpatched, in turn": ("^", "#666666"),
    "C epoll": ("*", "#cb3c33"),
}


class NoMatplotlib(Exception):
    """matplotlib is not installed."""


def draw(run: dict[str, Any], path: Path) -> None:
    """Draw the JSON of one run into a PNG file. Raise NoMatplotlib if matplotlib is missing."""
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
        matplotlib.use("Agg")
        pyplot: Any = importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise NoMatplotlib("matplotlib is not installed") from error
    rows = [(area, row) for area in run["areas"] for row in area["rows"] if row["in_table"]]
    figure, axes = pyplot.subplots(figsize=(10, 1.6 + 0.34 * len(rows)), layout="constrained")
    labels = []
    for place, (area, row) in enumerate(rows):
        labels.append(_label(area, row))
        _bar(axes, place, row)
        _marks(axes, place, row)
        _targets(axes, place, row)
    _frame(axes, labels, run["machine"])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _label(area: dict[str, Any], row: dict[str, Any]) -> str:
    title: str = row["title"]
    # These rows continue one another, and their titles alone are unclear.
    return f"{area['name']}: {title}" if area["name"] in ("parked", "echo") else title


def _ratio(row: dict[str, Any], rival: str) -> float | None:
    found = row["rivals"].get(rival, {}).get(RATIO)
    return None if found is None else float(found["median"])


def _bar(axes: Any, place: int, row: dict[str, Any]) -> None:
    ratio = _ratio(row, SUBJECT)
    if ratio is not None:
        # Bars begin at gevent's 1, so that slower results point to the left.
        axes.barh(place, ratio - 1, left=1, height=0.62, color=BAR if ratio >= 1 else SLOWER, zorder=2)
    # Figures are in a column of their own: beside their bars they would hide the rivals' dots.
    text = "-" if ratio is None else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"
    side = axes.get_yaxis_transform()
    axes.text(1.07, place, text, transform=side, ha="right", va="center", fontsize=8, fontweight="bold")


def _marks(axes: Any, place: int, row: dict[str, Any]) -> None:
    for rival, (marker, colour) in MARKS.items():
        ratio = _ratio(row, rival)
        if ratio is not None:
            axes.plot(ratio, place, marker, color=colour, markersize=5, alpha=0.85, zorder=4)


def _targets(axes: Any, place: int, row: dict[str, Any]) -> None:
    for target in row["targets"]:
        if target["rival"] == BASELINE:
            axes.plot(
                [target["at_least"]] * 2, [place - 0.42, place + 0.42], color="black", linewidth=1.6, zorder=3
            )


def _frame(axes: Any, labels: list[str], machine: dict[str, Any]) -> None:
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.axvline(1, color="#333333", linewidth=1)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} ×")  # noqa: RUF001
    axes.grid(axis="x", which="both", color="#dddddd", linewidth=0.5, zorder=0)
    packages = machine["packages"]
    versions = ", ".join(f"{name} {packages[name]}" for name in packages if packages[name])
    axes.set_xlabel(
        f"times better than {BASELINE}\n{versions}\n"
        f"CPython {machine['python']}, {machine['processor']}, {machine['cores']} cores",
        fontsize=8,
    )
    legend = [axes.barh([-9], [0], color=BAR, label=SUBJECT)]
    legend += axes.plot([], [], color="black", linewidth=1.6, label="target")
    for rival in RIVALS:
        if rival in MARKS:
            marker, colour = MARKS[rival]
            legend += axes.plot([], [], marker, color=colour, markersize=5, label=rival)
    axes.legend(
        handles=legend, ncols=5, fontsize=8, loc="lower center", bbox_to_anchor=(0.35, 1.0), frameon=False
    )


def main() -> None:
    source, picture = sys.argv[1:]
    draw(json.loads(Path(source).read_text()), Path(picture))


if __name__ == "__main__":
    main()
