"""Every way of installing, each from a copy of the checkout into a fresh environment."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from greenrt._build import REMEDY

pytestmark = [pytest.mark.install, pytest.mark.time_limit(600)]

ASK = """
import sys, greenrt, greenrt.monkey
assert "monkey" not in sys.modules
print(greenrt.__build__, greenrt.__file__, greenrt.monkey.__file__)
"""


class Environment:
    """A virtual environment with nothing but pip in it."""

    def __init__(self, path: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", path], check=True)
        self.python = path / "bin" / "python"

    def run(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, *arguments],
            cwd=self.python.parent,
            env={**os.environ, "GREENRT_PURE": "", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def pip(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "pip", "--disable-pip-version-check", *arguments, **variables)

    def ask(self) -> tuple[str, Path, Path]:
        """Return the build, and where greenrt and greenrt.monkey come from."""
        done = self.run("-c", ASK)
        assert done.returncode == 0, done.stdout
        build, package, monkey = done.stdout.split()
        return build, Path(package), Path(monkey)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
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


@pytest.mark.parametrize("compiler", ["missing", "failing"])
def test_without_a_compiler(
    checkout: Path, environment: Environment, tmp_path: Path, no_compiler: dict[str, str], compiler: str
) -> None:
    """The install succeeds, the wheel's tag is that of plain Python, and a warning names the remedy."""
    variables = no_compiler if compiler == "missing" else {"CC": "/bin/false"}
    done = environment.pip("wheel", "-v", "--no-deps", "-w", tmp_path / "wheels", checkout, **variables)
    assert done.returncode == 0, done.stdout
    warning = done.stdout.partition("WARNING: there is no C compiler that works")[2]
    assert REMEDY in warning
    assert "WARNING: there is no" not in warning, "it was printed twice"
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    done = environment.pip("install", wheel)
    assert done.returncode == 0, done.stdout
    build, package, monkey = environment.ask()
    assert build == "pure"
    assert monkey.parent == package.parent / "monkey"
    assert not list(package.parent.rglob("*.so"))
    for command in ("--version", "doctor"):
        out = environment.run("-m", "greenrt", command).stdout
        assert "half of gevent's speed" in out
        assert REMEDY in out


def test_without_a_compiler_when_compiled_is_demanded(
    checkout: Path, environment: Environment, no_compiler: dict[str, str]
) -> None:
    done = environment.pip("install", checkout, GREENRT_PURE="0", **no_compiler)
    assert done.returncode != 0
    assert "there is no C compiler that works" in done.stdout


def test_pure_on_demand(checkout: Path, environment: Environment, tmp_path: Path) -> None:
    done = environment.pip("wheel", "--no-deps", "-w", tmp_path, checkout, GREENRT_PURE="1")
    assert done.returncode == 0, done.stdout
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    done = environment.pip("install", wheel)
    assert done.returncode == 0, done.stdout
    assert environment.ask()[0] == "pure"


def test_wheel_from_an_sdist(checkout: Path, environment: Environment, tmp_path: Path) -> None:
    script = "from setuptools import build_meta; import sys; build_meta.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, tmp_path], cwd=checkout, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    done = environment.pip("wheel", "--no-deps", "-w", tmp_path, sdist, GREENRT_PURE="0")
    assert done.returncode == 0, done.stdout
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "greenrt/py.typed" in names
    assert "greenrt/monkey/__init__.py" in names
    assert not [name for name in names if name.endswith((".pyx", ".pxd", ".c", ".h"))]
    done = environment.pip("install", wheel)
    assert done.returncode == 0, done.stdout
    assert environment.ask()[0] == "compiled"


def test_the_remedy_passes_by_the_plain_build_in_pips_cache(
    checkout: Path, environment: Environment, tmp_path: Path, no_compiler: dict[str, str]
) -> None:
    """pip caches what it builds from an sdist: the wheel's tag is that of a plain one; the remedy avoids it."""
    script = "from setuptools import build_meta; import sys; build_meta.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, tmp_path], cwd=checkout, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    cache = {"PIP_CACHE_DIR": str(tmp_path / "cache")}
    done = environment.pip("install", sdist, **no_compiler, **cache)
    assert done.returncode == 0, done.stdout
    assert environment.ask()[0] == "pure"
    (cached,) = (tmp_path / "cache").rglob("greenrt-*.whl")
    assert cached.name.endswith("-py3-none-any.whl")
    # The remedy builds again. What it builds does not matter here, and the plain build takes seconds.
    done = environment.pip(*REMEDY.removeprefix("pip ").split()[:-1], sdist, GREENRT_PURE="1", **cache)
    assert done.returncode == 0, done.stdout
    assert "Building wheel for greenrt" in done.stdout


def test_editable(checkout: Path, environment: Environment) -> None:
    done = environment.pip("install", "-e", checkout, GREENRT_PURE="1")
    assert done.returncode == 0, done.stdout
    build, package, monkey = environment.ask()
    assert build == "pure"
    assert package.parent == checkout / "src" / "greenrt"
    assert monkey.parent == checkout / "monkey"
