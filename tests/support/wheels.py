"""Builds of greenrt in a copy of the checkout, with a compiler that compiles nothing."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

__all__ = ["FAILS", "IS_KILLED", "build", "built", "compiler"]

# Compiles and links the probe of setup.py as usual. In place of every other file it writes the word "whole".
COMPILER = """#!/bin/sh
case "$*" in *"/probe."*) exec cc "$@" ;; esac
while [ "$1" != -o ]; do shift; done
{action}
printf whole >"$2"
"""
FAILS = "exit 1"
# Half of a file, and the end of the build, as by a loss of power.
IS_KILLED = 'case "$2" in *.so) : >"$2"; kill -9 $PPID ;; esac'


def build(checkout: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "setup.py", "-q", "bdist_wheel", "-d", "wheels", *options],
        cwd=checkout,
        env={**os.environ, "GREENRT_PURE": "", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def built(checkout: Path, **variables: str) -> zipfile.ZipFile:
    """Return the wheel that a build in this tree makes."""
    shutil.rmtree(checkout / "wheels", ignore_errors=True)
    done = build(checkout, **variables)
    assert done.returncode == 0, done.stdout
    (wheel,) = (checkout / "wheels").iterdir()
    return zipfile.ZipFile(wheel)


def compiler(path: Path, action: str = "") -> str:
    path.write_text(COMPILER.format(action=action))
    path.chmod(0o755)
    return str(path)
