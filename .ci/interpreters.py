"""The CPythons of this machine."""

import re
import subprocess
from pathlib import Path

__all__ = ["OLDEST", "interpreters"]

OLDEST = 3, 11
DESCRIBE = (
    "import sys, sysconfig; v = sys.version_info;"
    "print(sys.implementation.name, *v[:2], sysconfig.get_config_var('Py_GIL_DISABLED') or 0, sys.executable)"
)


def interpreters(*named: str) -> dict[str, str]:
    """Return the path of a CPython with a GIL for each supported version ("3.14"), oldest first.

    One of `named` is preferred to one in PATH, and that to one of pyenv's. SystemExit if a named one does not run.
    """
    names = [*named, *(f"python3.{minor}" for minor in range(OLDEST[1], 30)), "python3"]
    pyenv = Path.home().glob(".pyenv/versions/*/bin/python3")
    names += map(
        str,
        sorted(pyenv, key=lambda path: [int(part) for part in re.findall(r"\d+", str(path))], reverse=True),
    )
    found: dict[tuple[int, int], str] = {}
    for name in names:
        try:
            done = subprocess.run([name, "-c", DESCRIBE], capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            done = None
        if done is None or done.returncode:
            if name in named:
                raise SystemExit(f"{name} is not an interpreter that runs")
            continue
        # A sitecustomize may print too.
        kind, major, minor, free_threaded, path = done.stdout.splitlines()[-1].split(maxsplit=4)
        version = int(major), int(minor)
        if kind == "cpython" and version >= OLDEST and free_threaded == "0":
            found.setdefault(version, path.strip())
    return {"{}.{}".format(*version): found[version] for version in sorted(found)}
