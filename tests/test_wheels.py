"""The interpreters that `make wheels` and the gate find, and the report of `make wheels` on failing steps."""

import os
import stat
import sys
from pathlib import Path

import pytest
from support.ci import ci_module


def fake(path: Path, text: str) -> str:
    """Make a program that prints `text` for any arguments; return its path."""
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty PATH and hide pyenv; return the folder that is in PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def test_this_interpreter_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ci_module("interpreters", monkeypatch)
    version = "{}.{}".format(*sys.version_info[:2])
    found = module.interpreters(sys.executable)
    assert os.path.samefile(found[version], sys.executable)
    assert list(found) == sorted(found, key=lambda version: int(version[2:]))


def test_one_interpreter_for_each_supported_version(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ci_module("interpreters", monkeypatch)
    old = fake(alone / "python3", "cpython 3 10 0 /old")
    fake(alone / "python3.12", "cpython 3 12 0 /a path/with blanks")
    fake(alone / "python3.13", "pypy 3 13 0 /pypy")
    fake(alone / "python3.14", "cpython 3 14 1 /free threaded")
    named = fake(alone / "mine", "cpython 3 15 0 /mine")
    fake(alone / "python3.15", "cpython 3 15 0 /other")
    for patch in (2, 9, 10):
        pyenv = alone.parent / ".pyenv" / "versions" / f"3.11.{patch}" / "bin"
        pyenv.mkdir(parents=True)
        fake(pyenv / "python3", f"a line of a sitecustomize\ncpython 3 11 0 /pyenv/{patch}")
    assert module.interpreters(old, named) == {
        "3.11": "/pyenv/10",
        "3.12": "/a path/with blanks",
        "3.15": "/mine",
    }


@pytest.mark.parametrize("kind", ["missing", "failing"])
def test_a_named_interpreter_that_does_not_run(
    kind: str, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ci_module("interpreters", monkeypatch)
    named = alone / "python"
    if kind == "failing":
        named.write_text("#!/bin/sh\nexit 1\n")
        named.chmod(0o755)
    with pytest.raises(SystemExit, match=f"{named} is not an interpreter that runs"):
        module.interpreters(str(named))


def test_missing_tools_are_named(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wheels = ci_module("wheels", monkeypatch)
    monkeypatch.setattr(wheels, "TOOLS", alone)
    fake(alone / "patchelf", "")
    assert wheels.main() == 1
    assert f"wheels: auditwheel, twine not found in {alone}" in capsys.readouterr().out


def test_a_step_that_fails_is_named_and_the_others_go_on(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wheels = ci_module("wheels", monkeypatch)
    monkeypatch.setattr(wheels, "TOOLS", alone)
    monkeypatch.setattr(wheels, "DIST", alone)
    for tool in ("auditwheel", "patchelf", "twine"):
        fake(alone / tool, "")
    monkeypatch.setattr(wheels, "make_sdist", lambda: alone / "greenrt.tar.gz")
    monkeypatch.setattr(sys, "argv", ["wheels.py"])
    # Interpreters that cannot make an environment.
    for minor in (12, 14):
        fake(alone / f"python3.{minor}", f"cpython 3 {minor} 0 /bin/false")
    assert wheels.main() == 1
    out = capsys.readouterr().out
    summary = out.partition("=== summary\n")[2].splitlines()
    assert summary == ["3.12   FAILED: environment", "3.14   FAILED: environment"]
