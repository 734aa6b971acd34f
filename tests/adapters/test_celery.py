"""The pool under the real Celery, with a broker for this test: redis-server on a free port."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.child import HOME
from support.servers import redis

LIMIT = 40.0  # seconds for any wait of a test

pytestmark = pytest.mark.time_limit(120)

PROGRAM = """
import os, threading, time
import celery
from greenrt import monkey
from celery.exceptions import SoftTimeLimitExceeded

url = os.environ["BROKER"]
app = celery.Celery("program", broker=url, backend=url)
app.conf.update(worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)

def note(word):
    with open("notes", "a") as notes:
        notes.write(word + "\\n")

@app.task
def nap(seconds):
    time.sleep(seconds)
    return os.getpid(), monkey.is_module_patched("threading")

@app.task
def noted(seconds):
    note("began")
    try:
        time.sleep(seconds)
    except SoftTimeLimitExceeded:
        note("soft")
        raise
    finally:
        note("left")
    note("done")
    return "done"

@app.task(rate_limit="5/s")
def rare():
    return time.time()

@app.task
def asks():
    with celery.result.allow_join_result():
        return celery.group(nap.s(0.2) for _ in range(5))().get(timeout=30)

@app.task
def leaves():
    raise SystemExit(3)
"""

CLIENT = """
import os, sys, time
sys.path.insert(0, os.getcwd())
from program import app, asks, leaves, nap, noted, rare
from celery import group
"""


@pytest.fixture
def broker() -> Iterator[str]:
    """Yield the URL of a redis-server without persistence."""
    with redis() as port:
        yield f"redis://127.0.0.1:{port}/0"


@dataclass
class Site:
    """A folder with a running worker, and its broker."""

    folder: Path
    broker: str


@pytest.fixture(scope="module")
def busy_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with redis() as port:
        url = f"redis://127.0.0.1:{port}/0"
        with worker(folder, url, "-c", "20"):
            yield Site(folder, url)


@pytest.fixture
def site(busy_site: Site) -> Site:
    """Return a site without notes, whose worker other tests have used: a start needs a second of processor time."""
    (busy_site.folder / "notes").unlink(missing_ok=True)
    return busy_site


def wait_until(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"waited {LIMIT} s: {what}"
        time.sleep(0.05)


@contextmanager
def worker(folder: Path, broker: str, *options: str, name: str = "one") -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker and yield its process once it accepts tasks."""
    (folder / "program.py").write_text(PROGRAM)
    log = folder / f"{name}.log"
    env = environ(broker) | {"CELERY_CUSTOM_WORKER_POOL": "greenrt.adapters.celery:TaskPool"}
    command = [sys.executable, "-m", "celery", "-A", "program", "worker", "-P", "custom", "-l", "INFO"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "-n", name, *options], cwd=folder, env=env, stdout=out, stderr=out
        )
    try:
        wait_until(
            lambda: b" ready." in log.read_bytes() or process.poll() is not None, "the worker is ready"
        )
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.kill()
        process.wait()


def environ(broker: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": HOME, "BROKER": broker, "C_FORCE_ROOT": "1"}


def ask(site: Site, script: str) -> Any:
    """Run a client in a process of its own, unpatched, and return its `answer`."""
    text = CLIENT + script + "\nprint(repr(answer))\n"
    command = [sys.executable, "-c", text]
    done = subprocess.run(
        command, cwd=site.folder, env=environ(site.broker), capture_output=True, text=True, timeout=2 * LIMIT
    )
    logs = "".join(path.read_text() for path in site.folder.glob("*.log"))
    assert done.returncode == 0, done.stderr + logs
    return eval(done.stdout)


def notes(folder: Path) -> list[str]:
    path = folder / "notes"
    return path.read_text().split() if path.exists() else []


def test_blocking_tasks_overlap_in_two_processes(tmp_path: Path, broker: str) -> None:
    # One worker does not get all tasks, even if the other takes its first one a second later.
    room = ("-c", "20", "--prefetch-multiplier", "1")
    with (
        worker(tmp_path, broker, *room) as one,
        worker(tmp_path, broker, *room, name="two") as two,
    ):
        took, results = ask(
            Site(tmp_path, broker),
            "group(nap.s(0) for _ in range(4))().get(timeout=30)\n"
            "began = time.monotonic()\n"
            "results = group(nap.s(0.4) for _ in range(100))().get(timeout=30)\n"
            "answer = time.monotonic() - began, results",
        )
        # In sequence they would take 40 s, and 20 s in two processes with one task each.
        assert took < 19
        assert {pid for pid, _ in results} == {one.pid, two.pid}
        assert all(patched for _, patched in results)


def test_more_tasks_than_room_wait(tmp_path: Path, broker: str) -> None:
    with worker(tmp_path, broker, "-c", "2", "--prefetch-multiplier", "10"):
        took = ask(
            Site(tmp_path, broker),
            "began = time.monotonic()\n"
            "group(nap.s(0.2) for _ in range(8))().get(timeout=30)\n"
            "answer = time.monotonic() - began",
        )
        assert took >= 0.75


def test_the_hard_time_limit_ends_a_task(site: Site) -> None:
    kind = ask(
        site,
        "result = noted.apply_async((60,), time_limit=0.5)\n"
        "kind = type(result.get(timeout=30, propagate=False)).__name__\n"
        "answer = kind, result.state, noted.delay(0).get(timeout=30)",
    )
    assert kind == ("TimeLimitExceeded", "FAILURE", "done")
    assert notes(site.folder) == ["began", "left", "began", "left", "done"]


def test_the_soft_time_limit_raises_in_the_task(tmp_path: Path, broker: str) -> None:
    with worker(tmp_path, broker, "-c", "2", "--soft-time-limit", "1"):
        kind = ask(
            Site(tmp_path, broker),
            "answer = type(noted.delay(60).get(timeout=30, propagate=False)).__name__",
        )
        assert kind == "SoftTimeLimitExceeded"
        assert notes(tmp_path) == ["began", "soft", "left"]
        assert "Soft time limit (1.0s) exceeded" in (tmp_path / "one.log").read_text()


def test_revoke_ends_a_running_task(site: Site) -> None:
    state, active = ask(
        site,
        "result = noted.delay(60)\n"
        "while not os.path.exists('notes'): time.sleep(0.05)\n"
        "result.revoke(terminate=True)\n"
        "result.get(timeout=30, propagate=False)\n"
        "answer = result.state, app.control.inspect(timeout=30, limit=1).active()",
    )
    assert state == "REVOKED"
    assert list(active.values()) == [[]]
    wait_until(lambda: len(notes(site.folder)) == 2, "the task has ended")
    assert notes(site.folder) == ["began", "left"]


def test_a_warm_shutdown_finishes_what_runs(tmp_path: Path, broker: str) -> None:
    with worker(tmp_path, broker, "-c", "4") as process:
        ask(Site(tmp_path, broker), "answer = [noted.delay(2).id for _ in range(2)]")
        wait_until(lambda: len(notes(tmp_path)) == 2, "the tasks have begun")
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0
        assert notes(tmp_path).count("done") == 2


def test_rate_limits_and_etas(site: Site) -> None:
    spread, late = ask(
        site,
        "times = group(rare.s() for _ in range(6))().get(timeout=30)\n"
        "began = time.monotonic()\n"
        "nap.apply_async((0,), countdown=1).get(timeout=30)\n"
        "answer = max(times) - min(times), time.monotonic() - began",
    )
    assert spread >= 0.7
    assert late >= 0.9


def test_a_task_waits_for_others(site: Site) -> None:
    results = ask(site, "answer = group(asks.s() for _ in range(3))().get(timeout=30)")
    assert [len(found) for found in results] == [5, 5, 5]


def test_a_task_that_exits_is_lost_and_the_worker_lives(site: Site) -> None:
    lost, lives = ask(
        site,
        "lost = type(leaves.delay().get(timeout=30, propagate=False)).__name__\n"
        "answer = lost, noted.delay(0).get(timeout=30)",
    )
    assert lost in ("WorkerLostError", "SystemExit")
    assert lives == "done"


def test_chosen_by_the_setting_it_says_what_to_do(tmp_path: Path, broker: str) -> None:
    (tmp_path / "program.py").write_text(
        PROGRAM + "\napp.conf.worker_pool = 'greenrt.adapters.celery:TaskPool'\n"
        "from celery.apps.worker import Worker\n"
    )
    script = "from program import app; app.Worker(pool='greenrt.adapters.celery:TaskPool', loglevel='INFO').start()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environ(broker),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "pass the option -P custom" in done.stderr
