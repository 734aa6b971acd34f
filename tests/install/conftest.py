"""What the tests of installing share."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.build import ROOT
from support.environments import Environment, pip
from support.wheels import built, compiler


def copy_of_the_sources(folder: Path) -> Path:
    """Copy the checkout to the folder, without anything that was built."""
    names = shutil.ignore_patterns(
        "build", "dist", ".git", ".venv*", ".*_cache", "*.so", "__pycache__", "*.egg-info"
    )
    return shutil.copytree(ROOT, folder, ignore=names)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the sources, without anything that was built."""
    return copy_of_the_sources(tmp_path / "checkout")


def copy_of_the_translation(checkout: Path) -> None:
    """Copy the C files that Cython has made of the sources, if there are any: translating takes a minute."""
    if (ROOT / "build" / "cython").exists():
        shutil.copytree(ROOT / "build" / "cython", checkout / "build" / "cython")


@pytest.fixture
def translated_checkout(checkout: Path) -> Path:
    """The same, with the C files."""
    copy_of_the_translation(checkout)
    return checkout


@pytest.fixture(scope="session")
def built_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, in which the fake compiler has built a wheel. The tests share it, so they must not change it."""
    folder = tmp_path_factory.mktemp("built")
    checkout = copy_of_the_sources(folder / "checkout")
    copy_of_the_translation(checkout)
    built(checkout, CC=compiler(folder / "cc")).close()
    return checkout


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution. The tests share it, so they must not change it."""
    folder = tmp_path_factory.mktemp("sdist")
    checkout = copy_of_the_sources(folder / "checkout")
    script = "from setuptools import build_meta; import sys; build_meta.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, folder], cwd=checkout, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="session")
def requirements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels, from the package index, that greenrt's build and greenrt itself require."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needs = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    folder = tmp_path_factory.mktemp("requirements")
    done = pip("wheel", "-w", folder, *needs)
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture
def environment(tmp_path: Path, requirements: Path) -> Environment:
    """An empty environment, for which pip takes packages from `requirements`."""
    return Environment(tmp_path / "environment", requirements)


@pytest.fixture
def users_environment(tmp_path: Path) -> Environment:
    """An empty environment, for which pip takes packages from the package index."""
    return Environment(tmp_path / "environment")


def without_compiler(folder: Path) -> dict[str, str]:
    """Return the variables under which a process finds no C compiler, but all other programs that a build calls."""
    folder.mkdir()
    for name in ("sh", "uname", "ldd", "id", "env"):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return {"PATH": str(folder)}


@pytest.fixture
def no_compiler(tmp_path: Path) -> dict[str, str]:
    return without_compiler(tmp_path / "bin")
