"""What the tests of installing share."""

import shutil
from pathlib import Path

import pytest
from support.build import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the sources, without anything that was built."""
    names = shutil.ignore_patterns(
        "build", "dist", ".git", ".venv*", ".*_cache", "*.so", "__pycache__", "*.egg-info"
    )
    return shutil.copytree(ROOT, tmp_path / "checkout", ignore=names)


@pytest.fixture
def translated_checkout(checkout: Path) -> Path:
    """The same, with the C files that Cython has made of the sources, if there are any: that takes a minute."""
    if (ROOT / "build" / "cython").exists():
        shutil.copytree(ROOT / "build" / "cython", checkout / "build" / "cython")
    return checkout
