"""The Makefile: interpreters that it refuses, uv that fails, and folders with a space in their name."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.build import ROOT

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
# Each has an environment of its own.
TARGETS = ["build", "build-pure", "demo", "lint", "types", "docs", "wheels"]
ENVIRONMENTS = [".venv", ".venv-pure", ".venv-tools", ".venv-docs", ".venv-release"]
# A stand-in for uv and for an environment's interpreter. It writes down its arguments and two variables.
STAND_IN = """#!/bin/sh
echo "$0 $*" >>"$CALLS"
echo "$GEVENT_HOME, $EVENTLET_HOME" >>"$CALLS.variables"
test "$FAILS" != "$1"
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


class Project:
    """A folder with the Makefile, a few sources, and the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("src/greenrt", "monkey"):
            (folder / name).mkdir(parents=True)
            (folder / name / "__init__.py").write_text(f"# {name}\n")
        for name in ("Makefile", "pyproject.toml", "setup.py"):
            shutil.copy(ROOT / name, folder)
        self.uv = self.stand_in("bin of uv/uv")
        self.calls = folder / "calls"

    def stand_in(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True)
        path.write_text(STAND_IN)
        path.chmod(0o755)
        return path

    def make(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.uv.parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            # Not the whole environment: a make that runs this test exports its flags and variables.
            env={"PATH": path, "CALLS": str(self.calls), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "a föl der")


@pytest.fixture
def old_python(tmp_path: Path) -> Path:
    """This interpreter, as Python 3.7."""
    python = tmp_path / "old python"
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.version_info = (3, 7, 16, 'final', 0)")
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("kind", ["missing", "old", "no interpreter"])
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_an_interpreter_that_greenrt_cannot_use(
    project: Project, old_python: Path, kind: str, installer: str
) -> None:
    """No environment is made or cleared, not even one of uv's default name."""
    python = {"missing": "/nowhere/python3.11", "old": str(old_python), "no interpreter": "false"}[kind]
    for name in ENVIRONMENTS:
        (project.folder / name).mkdir()
    for target in TARGETS:
        done = project.make(target, f"PYTHON={python}", *(["UV="] if installer == "pip" else []))
        assert done.returncode == 2
        assert f"greenrt needs Python 3.11 or newer, and '{python}' is none: make PYTHON=" in done.stdout
        assert len(done.stdout.splitlines()) == 1, done.stdout
    assert not project.calls.exists()
    assert not [path for name in ENVIRONMENTS for path in (project.folder / name).iterdir()]


def test_targets_without_an_environment_need_no_interpreter(project: Project) -> None:
    done = project.make("help", "PYTHON=/nowhere/python3.11")
    assert done.returncode == 0
    assert done.stdout.startswith("help ")
    assert project.make("clean", "PYTHON=/nowhere/python3.11").returncode == 0


@pytest.mark.parametrize("fails", ["venv", "pip"])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_where_uv_fails_make_names_pip(project: Project, environment: str, fails: str) -> None:
    """As where its cache cannot be written."""
    made = f"{environment}/made-{VERSION}"
    done = project.make(made, f"PYTHON={sys.executable}", FAILS=fails)
    assert done.returncode == 2
    assert "uv failed; 'make UV=' takes pip\n" in done.stdout
    assert project.calls.read_text().splitlines()[-1].startswith(f"{project.uv} {fails} ")
    assert not (project.folder / made).exists()


def test_an_interpreter_and_an_uv_with_a_space_in_their_paths(project: Project, tmp_path: Path) -> None:
    python = tmp_path / "a python"
    python.symlink_to(sys.executable)
    (project.folder / ".venv-tools").mkdir()
    done = project.make(f".venv-tools/made-{VERSION}", f"PYTHON={python}", f"UV={project.uv}")
    assert done.returncode == 0, done.stdout
    first, second = project.calls.read_text().splitlines()
    assert first.startswith(f"{project.uv} venv ")
    assert second.startswith(f"{project.uv} pip install ")


def test_the_tree_of_links(project: Project) -> None:
    rule = project.folder / "rule.mk"
    rule.write_text("include Makefile\ntree: ; $(call TREE,build/tree)\n")
    for _ in range(2):
        done = project.make("-f", "rule.mk", "tree")
        assert done.returncode == 0, done.stdout
    tree = project.folder / "build" / "tree" / "greenrt"
    assert (tree / "__init__.py").read_text() == "# src/greenrt\n"
    assert (tree / "monkey" / "__init__.py").read_text() == "# monkey\n"


def test_the_folders_of_other_projects_tests(project: Project) -> None:
    project.stand_in(".venv/bin/python")
    homes = [project.folder / "build" / f"compat-{name}" for name in ("gevent", "eventlet")]
    for mark in (f".venv/made-{VERSION}", ".venv/built", *(f"{home}/made" for home in homes)):
        path = project.folder / mark
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    done = project.make("test-compat", f"PYTHON={sys.executable}")
    assert done.returncode == 0, done.stdout
    assert Path(f"{project.calls}.variables").read_text() == f"{homes[0]}, {homes[1]}\n"


def test_no_path_of_the_folder_is_written_into_commands() -> None:
    """The shell's own "$PWD" may hold any letter."""
    text = (ROOT / "Makefile").read_text()
    assert "$(CURDIR)" not in text
    assert text.count("$$PWD") == text.count('"$$PWD')
