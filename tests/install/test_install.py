"""Every way of installing, each from a copy of the checkout or from the sdist into a fresh environment.

`test_compiled_from_the_sdist_as_users_do` builds in isolation, with packages from the package index. The other tests
save processor time where these are not their subject: they build without isolation, or take packages from a folder.
"""

from pathlib import Path

import pytest
from support.environments import Environment, pip

from greenrt._build import REMEDY

pytestmark = [pytest.mark.install, pytest.mark.time_limit(600)]

# Prints the paths of the installed files.
FILES = "import importlib.metadata as m; print(*(str(path) for path in m.files('greenrt')), sep='\\n')"


def wheel(checkout: Path, folder: Path, *options: str, **variables: str) -> tuple[Path, str]:
    """Build a wheel of the checkout without isolation; return its path and pip's output."""
    done = pip("wheel", *options, "--no-build-isolation", "--no-deps", "-w", folder, checkout, **variables)
    assert done.returncode == 0, done.stdout
    (path,) = folder.glob("*.whl")
    return path, done.stdout


@pytest.mark.parametrize("compiler", ["missing", "failing"])
def test_without_a_compiler(
    checkout: Path, environment: Environment, tmp_path: Path, no_compiler: dict[str, str], compiler: str
) -> None:
    """The install succeeds, the wheel's tag is that of plain Python, and a warning names the remedy."""
    variables = no_compiler if compiler == "missing" else {"CC": "/bin/false"}
    path, output = wheel(checkout, tmp_path / "wheels", "-v", **variables)
    warning = output.partition("WARNING: there is no C compiler that works")[2]
    assert REMEDY in warning
    assert "WARNING: there is no" not in warning, "it was printed twice"
    assert path.name.endswith("-py3-none-any.whl")
    done = environment.pip("install", path)
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
    checkout: Path, tmp_path: Path, no_compiler: dict[str, str]
) -> None:
    target = tmp_path / "target"
    done = pip(
        "install",
        "--no-build-isolation",
        "--no-deps",
        "--target",
        target,
        checkout,
        GREENRT_PURE="0",
        **no_compiler,
    )
    assert done.returncode != 0
    assert "there is no C compiler that works" in done.stdout
    assert not target.exists()


def test_pure_on_demand(checkout: Path, environment: Environment, tmp_path: Path) -> None:
    path, _ = wheel(checkout, tmp_path / "wheels", GREENRT_PURE="1")
    assert path.name.endswith("-py3-none-any.whl")
    done = environment.pip("install", path)
    assert done.returncode == 0, done.stdout
    assert environment.ask()[0] == "pure"


def test_compiled_from_the_sdist_as_users_do(
    sdist: Path, users_environment: Environment, tmp_path: Path
) -> None:
    # pip's usual cache might hold a wheel that an earlier run has built from an sdist at the same path.
    cache = {"PIP_CACHE_DIR": str(tmp_path / "cache")}
    done = users_environment.pip("install", sdist, GREENRT_PURE="0", **cache)
    assert done.returncode == 0, done.stdout
    assert users_environment.ask()[0] == "compiled"
    names = users_environment.run("-c", FILES).stdout.splitlines()
    assert "greenrt/py.typed" in names
    assert "greenrt/monkey/__init__.py" in names
    assert not [name for name in names if name.endswith((".pyx", ".pxd", ".c", ".h"))]


def test_the_remedy_passes_by_the_plain_build_in_pips_cache(
    sdist: Path, environment: Environment, tmp_path: Path, no_compiler: dict[str, str]
) -> None:
    """pip caches what it builds from an sdist: the wheel's tag is that of a plain one; the remedy avoids it."""
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
