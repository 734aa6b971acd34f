"""Builds in a tree where earlier builds have left files: wheels hold what the sources say, and nothing else."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from support.build import ROOT, SUFFIX

pytestmark = [pytest.mark.install, pytest.mark.time_limit(300)]

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


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the sources, and of the C files that Cython has made of them, if there are any."""
    names = shutil.ignore_patterns("build", "dist", ".*", "*.so", "__pycache__", "*.egg-info")
    folder = shutil.copytree(ROOT, tmp_path / "checkout", ignore=names)
    if (ROOT / "build" / "cython").exists():
        shutil.copytree(ROOT / "build" / "cython", folder / "build" / "cython")
    return folder


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


def test_deleted_modules_are_in_no_later_wheel(checkout: Path):
    gone = checkout / "src" / "greenrt" / "gone.py"
    gone.write_text("")
    assert "greenrt/gone.py" in built(checkout, GREENRT_PURE="1").namelist()
    gone.unlink()
    # A build that was killed leaves the folder that it was about to pack.
    packed = checkout / "build" / f"bdist.{sysconfig.get_platform()}" / "wheel"
    left = packed / "greenrt" / "left.py"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_text("")
    names = built(checkout, GREENRT_PURE="1").namelist()
    assert "greenrt/__init__.py" in names
    assert not {"greenrt/gone.py", "greenrt/left.py"} & set(names)


def test_a_module_that_cannot_be_compiled(checkout: Path, tmp_path: Path):
    """A plain wheel is made, without the extensions that an earlier build made."""
    wheel = built(checkout, CC=compiler(tmp_path / "cc"))
    assert [name for name in wheel.namelist() if name.endswith(SUFFIX)]
    assert wheel.filename is not None
    assert not wheel.filename.endswith("-py3-none-any.whl")
    os.utime(checkout / "src/greenrt/_hub/slot.py")
    for path in checkout.glob("build/cython/**/slot.c"):
        os.utime(path)
    wheel = built(checkout, CC=compiler(tmp_path / "cc", FAILS))
    assert wheel.filename is not None
    assert wheel.filename.endswith("-py3-none-any.whl")
    assert not [name for name in wheel.namelist() if name.endswith(".so")]


def test_an_interrupted_build_leaves_nothing_half_made(checkout: Path, tmp_path: Path):
    assert build(checkout, CC=compiler(tmp_path / "cc", IS_KILLED)).returncode != 0
    wheel = built(checkout, CC=compiler(tmp_path / "cc"))
    extensions = [name for name in wheel.namelist() if name.endswith(SUFFIX)]
    assert len(extensions) > 10
    assert {wheel.read(name) for name in extensions} == {b"whole"}


def test_an_editable_plain_install_removes_the_extensions(checkout: Path, tmp_path: Path):
    """They would hide the sources."""
    stale = checkout / "src" / "greenrt" / "_hub" / f"slot{SUFFIX}"
    other = stale.with_name("slot.of-another-python.so")
    stale.touch()
    other.touch()
    script = f"from setuptools import build_meta; build_meta.build_editable({str(tmp_path)!r})"
    subprocess.run(
        [sys.executable, "-c", script], cwd=checkout, env={**os.environ, "GREENRT_PURE": "1"}, check=True
    )
    assert not stale.exists()
    assert other.exists()
