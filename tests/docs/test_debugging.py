"""What docs/howto/debugging.md says of debuggers and of coverage is so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.child import environment
from support.debug_client import count_hits

import greenrt

PROGRAM = """\
import threading, time

def work(number):
    time.sleep(0.05)
    total = number
    time.sleep(0.05)
    return total

threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
# The lines that run after a switch.
AFTER = {5, 6, 7}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(PROGRAM)
    return path


@pytest.mark.time_limit(120)
def test_debugpy_stops_in_each_greenlet(script: Path) -> None:
    assert count_hits(script, 5, GEVENT_SUPPORT="True") == 3


@pytest.mark.time_limit(120)
def test_debugpy_passes_breakpoints_over_without_the_setting(script: Path) -> None:
    """If this fails, the setting and its documentation can go."""
    assert count_hits(script, 5, GEVENT_SUPPORT="") < 3


def missing_lines(script: Path, core: str, concurrency: str) -> set[int]:
    """Return the lines that coverage does not count."""
    settings = script.with_name("coveragerc")
    settings.write_text(f"[run]\ninclude = {script}\nconcurrency = {concurrency}\n")
    report = script.with_name("report.json")
    for command in (
        ["run", f"--rcfile={settings}", "-m", "greenrt", "run", str(script)],
        ["json", "-q", f"--rcfile={settings}", "-o", str(report)],
    ):
        subprocess.run(
            [sys.executable, "-m", "coverage", *command],
            env=environment(COVERAGE_CORE=core, COVERAGE_FILE=str(script.with_name("data"))),
            cwd=script.parent,
            check=True,
        )
    (counted,) = json.loads(report.read_text())["files"].values()
    return set(counted["missing_lines"])


def test_coverage_counts_all_lines_by_sys_monitoring(script: Path) -> None:
    if sys.version_info < (3, 12):
        # There is no sys.monitoring. The documentation says so; if this fails, it can promise more.
        assert missing_lines(script, "ctrace", "thread") & AFTER
    else:
        assert missing_lines(script, "sysmon", "thread") == set()


@pytest.mark.parametrize("concurrency", ["thread", "greenlet"])
def test_coverage_misses_lines_without_sys_monitoring(script: Path, concurrency: str) -> None:
    """If this fails, the documentation can promise more."""
    if concurrency == "greenlet" and greenrt.__build__ == "pure" and sys.version_info >= (3, 12):
        assert missing_lines(script, "ctrace", concurrency) == set()
    else:
        assert missing_lines(script, "ctrace", concurrency) & AFTER
