"""How `.ci/run` treats stages that fail, that the machine cannot run, and that hang."""

import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.ci import ci_module


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return ci_module("gate", monkeypatch)


def results(gate: ModuleType, logs: Path, *stages: object) -> dict[str, str]:
    run = gate.Gate(list(stages), logs)
    run.run()
    return {stage.name: stage.result for stage in run.stages.values()}


def test_a_stage_runs_when_what_it_needs_has_succeeded(gate: ModuleType, tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert results(
        gate,
        tmp_path,
        gate.Stage("use", f"test -e {made}", needs=["make"]),
        gate.Stage("make", f"sleep 0.1 && touch {made}"),
    ) == {"make": "ok", "use": "ok"}


def test_what_needs_a_failed_stage_is_not_run_and_the_others_go_on(gate: ModuleType, tmp_path: Path) -> None:
    assert results(
        gate,
        tmp_path,
        gate.Stage("build", "exit 3"),
        gate.Stage("suite", "true", needs=["build"]),
        gate.Stage("report", "true", needs=["suite"]),
        gate.Stage("lint", "true", after=["build"]),
    ) == {
        "build": "FAILED",
        "suite": "NOT RUN: build: FAILED",
        "report": "NOT RUN: suite: NOT RUN",
        "lint": "ok",
    }


def test_what_the_machine_lacks_is_no_failure(gate: ModuleType, tmp_path: Path) -> None:
    missing = gate.Stage("CPython 3.99", "echo none here; false", optional=True)
    suite = gate.Stage("suite 3.99", "true", needs=["CPython 3.99"])
    assert results(gate, tmp_path, missing, suite)["suite 3.99"].startswith("NOT RUN: CPython 3.99")
    assert not missing.failed
    assert not suite.failed
    assert missing.log.read_text() == "none here\n"


def test_a_stage_that_wants_more_processors_than_there_are_runs_alone(
    gate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PROCESSORS", 1)
    suites = [gate.Stage(name, "true", load=1.2) for name in ("one", "other")]
    assert results(gate, tmp_path, *suites) == {"one": "ok", "other": "ok"}


def test_stages_run_side_by_side_as_long_as_processors_are_idle(
    gate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PROCESSORS", 1.5)
    met = tmp_path / "met"
    met.touch()
    # Each of the two ends when the other has begun. `next` finds out that one of them has ended.
    meet = "echo {0} >>{1}; until grep -q {2} {1}; do sleep 0.02; done; echo end >>{1}"
    assert results(
        gate,
        tmp_path,
        gate.Stage("compute", meet.format("compute", met, "wait")),
        gate.Stage("wait", meet.format("wait", met, "compute"), load=0.5),
        gate.Stage("next", f"grep -q end {met}", load=0.5),
    ) == {"compute": "ok", "wait": "ok", "next": "ok"}


def test_a_stage_that_hangs_ends(gate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LIMIT", 0.5)
    assert results(gate, tmp_path, gate.Stage("hang", "sleep 100 & wait")) == {
        "hang": "FAILED: no end within 0.5 s"
    }


def test_stages_that_wait_for_each_other_are_an_error(gate: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"wait for each other.*: one, two"):
        results(
            gate, tmp_path, gate.Stage("one", "true", needs=["two"]), gate.Stage("two", "true", after=["one"])
        )


def test_each_stage_can_start(gate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def succeed(stage: Any, logs: Path) -> None:
        stage.result = "ok"

    monkeypatch.setattr(gate, "run", succeed)
    stages = list(gate.stages())
    found = results(gate, tmp_path, *stages)
    assert len(found) == len(stages)
    assert set(found.values()) == {"ok"}


def test_a_checkout_and_interpreters_with_a_space_in_their_paths(
    gate: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a folder").mkdir()
    monkeypatch.chdir(tmp_path / "a folder")
    here = str(tmp_path / "a python")
    monkeypatch.setattr(gate, "interpreters", lambda: {"3.11": here})
    words = {
        word for stage in gate.stages() for word in shlex.split(stage.command) + shlex.split(stage.again)
    }
    downloaded = str(Path.cwd() / "build/pythons/3.14/usr/bin/python3.14")
    assert {f"PYTHON={here}", f"PYTHON={downloaded}"} <= words
    # The Makefile gives ARGS to the shell as they are.
    assert not [word for word in words if "/a folder/" in word and not word.startswith("PYTHON=")]


def unsteady_suite(gate: ModuleType, folder: Path, times: int, tests: int) -> Any:
    """Return a stage with `tests` tests, each of which fails so many times before it passes."""
    (folder / "test_it.py").write_text(
        "from pathlib import Path\n"
        "import pytest\n"
        f"@pytest.mark.parametrize('number', range({tests}))\n"
        "def test_it(number):\n"
        "    seen = Path(__file__).with_name(str(number))\n"
        "    seen.write_text(seen.read_text() + 'x' if seen.exists() else 'x')\n"
        f"    assert len(seen.read_text()) > {times}\n"
        "def test_once():\n"
        "    Path(__file__).with_name('once').open('x')\n"
    )
    pytest_here = f"cd '{folder}' && '{sys.executable}' -m pytest -q"
    return gate.Stage("suite", pytest_here, again=f"{pytest_here} --last-failed")


@pytest.mark.parametrize(
    ("times", "tests", "result"), [(1, 2, "UNSTEADY"), (2, 2, "FAILED"), (1, 3, "FAILED")]
)
def test_a_few_tests_have_a_second_chance(
    gate: ModuleType, tmp_path: Path, times: int, tests: int, result: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = unsteady_suite(gate, tmp_path, times, tests)
    run = gate.Gate([stage], tmp_path)
    run.run()
    assert stage.failed
    unsteady = run.try_again()
    assert stage.result.partition(":")[0] == result
    names = [f"test_it.py::test_it[{number}]" for number in range(tests)]
    assert unsteady == ([f"suite: {name}" for name in names] if result == "UNSTEADY" else [])
    assert (tmp_path / "once").exists()


def test_a_suite_that_ends_without_a_summary_has_no_second_chance(gate: ModuleType, tmp_path: Path) -> None:
    stage = gate.Stage("suite", "kill -SEGV $$", again="true")
    run = gate.Gate([stage], tmp_path)
    run.run()
    assert run.try_again() == []
    assert stage.result == "FAILED"


SUMMARY = """\
------------------------------ Captured log call -------------------------------
ERROR    asyncio:base_events.py:1744 Task was destroyed but it is pending!
FAILED (failures=1)
=========================== short test summary info ============================
FAILED tests/hub/test_fork.py::test_it[a] - AssertionError
ERROR tests/test_log.py - ImportError
1 failed, 1 passed, 1 error in 1.09s
"""


def test_failed_tests_are_those_of_the_summary(gate: ModuleType, tmp_path: Path) -> None:
    stage = gate.Stage("suite", "false", log=tmp_path / "log")
    stage.log.write_text(SUMMARY)
    assert stage.failed_tests() == ["tests/hub/test_fork.py::test_it[a]", "tests/test_log.py"]


@pytest.mark.parametrize(
    "line", ["!!!!!!!! Interrupted: 1 error during collection !!!!!!!!", "INTERNALERROR> Error"]
)
def test_a_suite_that_is_interrupted_has_no_second_chance(
    gate: ModuleType, tmp_path: Path, line: str
) -> None:
    """Tests have not run, and the second try runs only those that have failed."""
    (tmp_path / "output").write_text(f"{line}\n{SUMMARY}")
    stage = gate.Stage("suite", f"cat {tmp_path / 'output'}; false", again="true")
    run = gate.Gate([stage], tmp_path)
    run.run()
    assert run.try_again() == []
    assert stage.result == "FAILED"
