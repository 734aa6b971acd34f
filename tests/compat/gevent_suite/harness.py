"""Runs files of gevent's own tests over greenrt, and over gevent what does not pass."""

import os
import sys
from pathlib import Path

from support.suite_run import HANG, PASSED, PATIENCE, SKIPPED, Run, Suite

import greenrt

__all__ = ["differences", "home", "modules", "suite"]

HERE = Path(__file__).parent
# The folder with the real gevent, by `make test-compat`.
HOME = "GEVENT_HOME"


def home() -> Path | None:
    """Return the folder in which the real gevent is installed; None if there is none."""
    folder = os.environ.get(HOME)
    return Path(folder) if folder else None


def modules() -> list[str]:
    """Return the names of gevent's files of tests."""
    folder = home()
    return (
        [] if folder is None else sorted(path.stem for path in (folder / "gevent/tests").glob("test__*.py"))
    )


def suite(module: str, *, real: bool, patience: float = PATIENCE) -> Suite:
    """Return the suite of the file `module`, over gevent or over greenrt."""
    folder = home()
    assert folder is not None
    path = [str(HERE / "site"), str(Path(greenrt.__file__).absolute().parents[1]), str(folder)]

    def command(log: Path, wanted: Path) -> list[str]:
        return [sys.executable, "-W", "ignore", str(HERE / "child.py"), module, str(log), str(wanted)]

    variables = {
        HOME: str(folder),
        "GEVENT_SUITE": "gevent" if real else "greenrt",
        "PYTHONPATH": os.pathsep.join(path),
        # gevent's own suite leaves out what needs the Internet by this.
        "GEVENTTEST_USE_RESOURCES": "all,-network",
        "PYTHONDONTWRITEBYTECODE": "",
    }
    return Suite(module, command, variables=variables, patience=patience)


def differences(module: str) -> tuple[Run, dict[str, str]]:
    """Run `module` over greenrt, and over gevent what failed or was skipped; return what differs, with the detail."""
    ours = suite(module, real=False).run()
    suspects = ours.bad()
    if not suspects:
        return ours, {}
    # A test that has ended the process, and the file itself, have no test of that name to choose.
    known = all("." in name and "(" not in name for name in suspects)
    theirs = suite(module, real=True).run(suspects if known else None)
    found = {}
    for name in sorted(suspects):
        mine, real = ours.tests[name], theirs.tests.get(name)
        if real is None or real.outcome == PASSED or (mine.outcome == HANG and real.outcome != HANG):
            found[name] = f"{mine.outcome}: {mine.detail}"
        elif mine.outcome == SKIPPED and real.outcome != SKIPPED:
            found[name] = f"skipped: {mine.detail}"
    return ours, found
