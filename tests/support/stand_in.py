"""Programs written for gevent or eventlet, unedited, on greenrt and on the real package."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from greenrt.cli.install_hook import NAME, TEXT
from support.child import environment

__all__ = ["hooked", "rates_beside_the_real", "run_as"]

LIMIT = 60.0

# A line for each program that was run on both: how many times faster it was on greenrt.
rates_beside_the_real: list[str] = []


def hooked(folder: Path, names: str, **variables: str) -> dict[str, str]:
    """Return an environment in which each Python serves `names` by greenrt, as after ``greenrt install-hook``.

    The hook is in `folder`, since the tests' own environment must not have it.
    """
    (folder / NAME).write_text(TEXT)
    (folder / "sitecustomize.py").write_text(f"import site; site.addsitedir({str(folder)!r})\n")
    variables = environment(GREENRT_AS=names, **variables)
    variables["PYTHONPATH"] = f"{folder}{os.pathsep}{variables['PYTHONPATH']}"
    return variables


def run_as(names: str, path: Path, *arguments: object, **variables: str) -> str:
    """Run the program at `path` with `names` served by greenrt, and with the real packages if they are installed.

    A program prints `rate NUMBER`, its throughput, as its last line. Return what it printed before on greenrt.
    """
    out, rate = _run(hooked(path.parent, names, **variables), path, *arguments)
    real = "not installed"
    if all(find_spec(name) is not None for name in names.split(",")):
        _, real_rate = _run(environment(**variables), path, *arguments)
        real = f"{rate / real_rate:.2f} times the real one's {real_rate:.0f}/s"
    rates_beside_the_real.append(f"{path.stem.removeprefix('with_')} as {names}: {rate:.0f}/s, {real}")
    return out


def _run(variables: dict[str, str], path: Path, *arguments: object) -> tuple[str, float]:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(path), *map(str, arguments)],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        cwd=path.parent,
    )
    found = re.fullmatch(r"(.*)^rate ([\d.]+)\n", done.stdout, re.DOTALL | re.MULTILINE)
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}{done.stderr}"
    assert found, f"no rate in {done.stdout!r}"
    return found[1], float(found[2])
