"""Builds of greenrt in a copy of the checkout, with a fake compiler."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

__all__ = ["FAILS", "IS_KILLED", "REFUSES_GCCS_FLAGS", "build", "built", "compiler", "last_wheel"]

# It compiles and links the probe of setup.py as usual. For every other file it only writes the word "whole".
COMPILER = """#!/bin/sh
{refusal}
case "$*" in *"/probe."*) exec cc "$@" ;; esac
while [ "$1" != -o ]; do shift; done
{action}
printf whole >"$2"
"""
FAILS = "exit 1"
# As clang does with a flag that only gcc knows.
REFUSES_GCCS_FLAGS = 'case "$*" in *-fno-code-hoisting*) echo "unknown argument" >&2; exit 1 ;; esac'
# It writes half of a file and ends the build, as a power failure would.
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
    return last_wheel(checkout)


def last_wheel(checkout: Path) -> zipfile.ZipFile:
    """Return the wheel that the last build in this tree has made."""
    (wheel,) = (checkout / "wheels").iterdir()
    return zipfile.ZipFile(wheel)


def compiler(path: Path, action: str = "", refusal: str = "") -> str:
    path.write_text(COMPILER.format(action=action, refusal=refusal))
    path.chmod(0o755)
    return str(path)
