"""What docs/howto/debugging.md says of debuggers and of coverage is so."""

import json
import os
import subprocess
import sys
import time
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


# `waits` computes for 0.1 s of processor time, which it measures itself (`own`). In between it waits for `other`,
# which computes for 0.4 s.
PROFILED = """\
import threading, time
own = 0
ended = threading.Event()
def compute(seconds):
    began = time.process_time()
    while (spent := time.process_time() - began) < seconds: pass
    return spent
def waits():
    global own
    own = compute(0.05)
    ended.wait()
    own += compute(0.05)
def other():
    compute(0.4)
    ended.set()
threads = [threading.Thread(target=waits), threading.Thread(target=other)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def run(text: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", "from greenrt import monkey\nmonkey.patch_all()\n" + text],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def is_right(output: str) -> bool:
    """Return whether a profiler's time is that which the program has measured. A wrong one has the 0.4 s besides."""
    own, found = map(float, output.split())
    return own - 0.02 < found < own + 0.2


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="yappi has no wheel for 3.15 yet")
@pytest.mark.parametrize("backend", ["greenlet", "native_thread"])
def test_yappi_counts_each_green_threads_own_time_with_a_setting(backend: str) -> None:
    output = run(f"""
import yappi
yappi.set_context_backend("{backend}")
yappi.set_clock_type("cpu")
yappi.start()
{PROFILED}
yappi.stop()
print(own, {{entry.name: entry.ttot for entry in yappi.get_func_stats()}}["waits"])
""")
    assert is_right(output) == (backend == "greenlet"), output


def test_cprofile_charges_a_wait_with_what_others_do() -> None:
    """If this fails, the documentation can promise more."""
    output = run(f"""
import cProfile, time
profile = cProfile.Profile(time.process_time)
profile.enable()
{PROFILED}
profile.disable()
entries = [entry for entry in profile.getstats() if hasattr(entry.code, "co_name")]
print(own, {{entry.code.co_name: entry.totaltime for entry in entries}}["waits"])
""")
    assert not is_right(output), output


@pytest.mark.skipif(sys.version_info < (3, 15), reason="profiling.sampling is new in 3.15")
def test_profiling_sampling_fails_at_greenlets() -> None:
    """If this fails, the documentation can promise more."""
    program = f"""
from greenrt import monkey
monkey.patch_all()
import time
{PROFILED.replace("0.4", "20")}
"""
    with subprocess.Popen([sys.executable, "-c", program], env=environment()) as process:
        time.sleep(1)
        done = subprocess.run(
            [sys.executable, "-m", "profiling.sampling", "attach", "-d", "1", str(process.pid)],
            env={**os.environ},
            capture_output=True,
            text=True,
            check=False,
        )
        process.kill()
    assert "Error rate: 100" in done.stdout + done.stderr
