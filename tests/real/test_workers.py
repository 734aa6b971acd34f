"""Workers of task queues in their modes for gevent and eventlet, on greenrt: slow tasks at once, and a clean end."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.child import environment
from support.program import needs
from support.stand_in import hooked

pytestmark = [pytest.mark.real, pytest.mark.time_limit(150)]

LIMIT = 60.0
TASKS = 40
# Tasks of half a second, twenty at a time, in turn would take twenty seconds.
ENOUGH = 12.0


@contextmanager
def worker(folder: Path, broker: str, *command: str, name: str = "gevent") -> Iterator[Path]:
    """Run a worker as users of `name` start it; yield the file with its output. It must end after SIGTERM, with 0."""
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=hooked(folder, name, BROKER=broker),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        yield log
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def client(folder: Path, broker: str, text: str) -> None:
    """Run a program that hands out tasks and checks their results."""
    done = subprocess.run(
        [sys.executable, "-c", f"TASKS, ENOUGH = {TASKS}, {ENOUGH}\n{textwrap.dedent(text)}"],
        cwd=folder,
        env=environment(BROKER=broker),
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def program(folder: Path, text: str) -> None:
    (folder / "program.py").write_text(textwrap.dedent(text))


@needs("celery", "celery[redis]")
@pytest.mark.parametrize("name", ["gevent", "eventlet"])
def test_celery(redis: int, tmp_path: Path, name: str) -> None:
    """``celery worker -P gevent`` and ``-P eventlet``."""
    broker = f"redis://127.0.0.1:{redis}/1"
    program(
        tmp_path,
        """
        import os, sys, time
        from celery import Celery
        app = Celery("program", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
        app.conf.broker_connection_retry_on_startup = True
        @app.task
        def slow(n):
            time.sleep(0.5)
            return n * 2
        @app.task
        def who(name):
            import importlib
            return importlib.import_module(name).__name__
        """,
    )
    command = ("-m", "celery", "-A", "program", "worker", "-P", name, "-c", "20")
    with worker(tmp_path, broker, *command, name=name):
        client(
            tmp_path,
            broker,
            f"""
            import time
            from program import slow, who
            assert who.delay({name!r}).get(timeout=40) == "greenrt.compat.{name}"
            began = time.monotonic()
            results = [slow.delay(n) for n in range(TASKS)]
            assert [result.get(timeout=40) for result in results] == [n * 2 for n in range(TASKS)]
            assert time.monotonic() - began < ENOUGH
            """,
        )


@needs("huey", "huey redis")
def test_huey(redis: int, tmp_path: Path) -> None:
    """``huey_consumer -k greenlet``, which leaves the patching to the program."""
    broker = f"redis://127.0.0.1:{redis}/2"
    program(
        tmp_path,
        """
        import os, sys, time
        if "huey.bin.huey_consumer" in sys.orig_argv:
            from gevent import monkey
            monkey.patch_all()
        from huey import RedisHuey
        huey = RedisHuey("program", url=os.environ["BROKER"])
        @huey.task()
        def slow(n):
            time.sleep(0.5)
            return n * 2
        @huey.task()
        def who():
            import gevent
            return gevent.__name__
        """,
    )
    command = ("-m", "huey.bin.huey_consumer", "program.huey", "-k", "greenlet", "-w", "20")
    with worker(tmp_path, broker, *command):
        client(
            tmp_path,
            broker,
            """
            import time
            from program import slow, who
            assert who()(blocking=True, timeout=40) == "greenrt.compat.gevent"
            began = time.monotonic()
            results = [slow(n) for n in range(TASKS)]
            assert [result(blocking=True, timeout=40) for result in results] == [n * 2 for n in range(TASKS)]
            assert time.monotonic() - began < ENOUGH
            """,
        )


@needs("dramatiq", "dramatiq[redis]")
def test_dramatiq(redis: int, tmp_path: Path) -> None:
    """``dramatiq-gevent``, whose processes are children of a process that has patched."""
    broker = f"redis://127.0.0.1:{redis}/3"
    program(
        tmp_path,
        """
        import os, time
        import dramatiq
        import redis
        from dramatiq.brokers.redis import RedisBroker
        dramatiq.set_broker(RedisBroker(url=os.environ["BROKER"]))
        @dramatiq.actor
        def slow(n):
            time.sleep(0.5)
            redis.Redis.from_url(os.environ["BROKER"]).rpush("done", n)
        @dramatiq.actor
        def who():
            import gevent
            redis.Redis.from_url(os.environ["BROKER"]).rpush("who", gevent.__name__)
        """,
    )
    script = Path(sys.executable).with_name("dramatiq-gevent")
    with worker(tmp_path, broker, str(script), "--processes", "2", "--threads", "10", "program"):
        client(
            tmp_path,
            broker,
            """
            import os, time
            import redis
            from program import slow, who
            store = redis.Redis.from_url(os.environ["BROKER"])
            who.send()
            assert store.blpop("who", 40)[1] == b"greenrt.compat.gevent"
            began = time.monotonic()
            for n in range(TASKS):
                slow.send(n)
            assert sorted(int(store.blpop("done", 40)[1]) for _ in range(TASKS)) == list(range(TASKS))
            assert time.monotonic() - began < ENOUGH
            """,
        )
