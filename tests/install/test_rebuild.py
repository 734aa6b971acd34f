"""Builds in a tree where earlier builds have left files: wheels hold what the sources say, and nothing else."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from support.build import SUFFIX
from support.wheels import FAILS, IS_KILLED, REFUSES_GCCS_FLAGS, build, built, compiler, last_wheel

pytestmark = [pytest.mark.install, pytest.mark.time_limit(300)]


def test_deleted_modules_are_in_no_later_wheel(checkout: Path) -> None:
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


def test_a_module_that_cannot_be_compiled(built_checkout: Path, tmp_path: Path) -> None:
    """A plain wheel is made, without the extensions that an earlier build made."""
    checkout = shutil.copytree(built_checkout, tmp_path / "checkout")
    wheel = last_wheel(checkout)
    assert [name for name in wheel.namelist() if name.endswith(SUFFIX)]
    assert wheel.filename is not None
    assert not wheel.filename.endswith("-py3-none-any.whl")
    os.utime(checkout / "src/greenrt/_hub/current_hub.py")
    for path in checkout.glob("build/cython/**/slot.c"):
        os.utime(path)
    wheel = built(checkout, CC=compiler(tmp_path / "cc", FAILS))
    assert wheel.filename is not None
    assert wheel.filename.endswith("-py3-none-any.whl")
    assert not [name for name in wheel.namelist() if name.endswith(".so")]


def test_a_compiler_that_does_not_know_gccs_flags(translated_checkout: Path, tmp_path: Path) -> None:
    wheel = built(
        translated_checkout, GREENRT_PURE="0", CC=compiler(tmp_path / "cc", refusal=REFUSES_GCCS_FLAGS)
    )
    assert [name for name in wheel.namelist() if name.endswith(SUFFIX)]


def test_an_interrupted_build_leaves_nothing_half_made(translated_checkout: Path, tmp_path: Path) -> None:
    checkout = translated_checkout
    assert build(checkout, CC=compiler(tmp_path / "cc", IS_KILLED)).returncode != 0
    wheel = built(checkout, CC=compiler(tmp_path / "cc"))
    extensions = [name for name in wheel.namelist() if name.endswith(SUFFIX)]
    assert len(extensions) > 10
    assert {wheel.read(name) for name in extensions} == {b"whole"}


def test_an_editable_plain_install_removes_the_extensions(checkout: Path, tmp_path: Path) -> None:
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
