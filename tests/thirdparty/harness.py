"""Runs a library's own tests unpatched and patched, and compares them test by test."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from support import servers
from support.suite_run import Run, Suite
from thirdparty.libraries import Library
from thirdparty.workshop import Workshop

__all__ = ["Comparison", "compare"]

RECORDER = Path(__file__).with_name("recorder.py")
PATCH = "greenrt.monkey.pytest_plugin"


@dataclass
class Comparison:
    """A library's tests, unpatched and patched.

    `lost` maps each test that passes unpatched only, and `gained` each that passes patched only, to what happens on
    the other side. `unstable` has the tests whose outcomes differ in the first run and not in the rerun.
    """

    library: Library
    plain: Run
    patched: Run
    lost: dict[str, str]
    gained: dict[str, str]
    unstable: dict[str, str]


def compare(workshop: Workshop) -> Comparison:
    """Run the suite of a prepared library on both sides; run the tests that differ once more on both sides."""
    library = workshop.library
    with ExitStack() as stack:
        port = stack.enter_context(getattr(servers, library.server)()) if library.server else 0
        for path, text in library.files.items():
            workshop.source.joinpath(path).write_text(text.replace("{port}", str(port)))
        sides = [_suite(workshop, port, patched=patched) for patched in (False, True)]
        plain, patched = (side.run() for side in sides)
        differing = plain.good() ^ patched.good()
        plain_again, patched_again = (side.run(differing) if differing else Run() for side in sides)
    lost = _confirmed(differing, plain, plain_again, patched, patched_again)
    gained = _confirmed(differing, patched, patched_again, plain, plain_again)
    unstable = {
        name: f"unpatched {_outcome(plain, name)}\npatched {_outcome(patched, name)}"
        for name in sorted(differing - lost.keys() - gained.keys())
    }
    return Comparison(library, plain, patched, lost, gained, unstable)


def _confirmed(
    differing: set[str], here: Run, here_again: Run, there: Run, there_again: Run
) -> dict[str, str]:
    """Return the tests that pass both times here and neither time there, with their outcome there."""
    found = differing & here.good() & here_again.good() - there.good() - there_again.good()
    return {name: _outcome(there, name) for name in sorted(found)}


def _outcome(run: Run, name: str) -> str:
    came = run.tests.get(name)
    return "did not run" if came is None else f"{came.outcome}: {came.detail}"


def _suite(workshop: Workshop, port: int, *, patched: bool) -> Suite:
    library = workshop.library
    arguments = [word.replace("{port}", str(port)) for word in library.arguments]
    plugins = [PATCH, RECORDER.stem] if patched else [RECORDER.stem]

    def command(log: Path, wanted: Path) -> list[str]:
        return [
            "/usr/bin/env",
            f"GREENRT_SUITE_LOG={log}",
            f"GREENRT_SUITE_WANTED={wanted}",
            str(workshop.python),
            "-m",
            "pytest",
            *(f"-p{plugin}" for plugin in plugins),
            "-pno:cacheprovider",
            "--rootdir=.",
            "--continue-on-collection-errors",
            *(f"--deselect={test}" for test in library.left_out),
            # Options such as --cov and --numprocesses would need plugins, or run the tests elsewhere.
            "--override-ini=addopts=",
            *arguments,
        ]

    # The tests do not see how this run is configured.
    variables = {
        "PYTHONPATH": str(RECORDER.parent),
        "PATH": f"{workshop.python.parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTEST_ADDOPTS": "",
        **{name: value.replace("{port}", str(port)) for name, value in library.variables.items()},
    }
    return Suite(library.name, command, workshop.source, variables, patience=library.patience)
