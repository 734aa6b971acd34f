"""Watchers for changes of a path."""

import os
import threading
import time
from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from support.child import run_script

import greenrt
from greenrt._loop.loop import Loop
from greenrt._loop.watchers import stat


def watch(loop: Loop, path: Path | str) -> tuple[Any, list[Any]]:
    watcher = loop.stat(path, 0.1)
    seen: list[Any] = []
    watcher.start(lambda: seen.append((watcher.prev, watcher.attr)))
    return watcher, seen


def run_until(loop: Loop, done: Callable[[], Any]) -> None:
    give_up = time.monotonic() + 20
    while not done():
        assert time.monotonic() < give_up
        loop.run(once=True)


def test_what_happens_to_a_file(loop: Loop, tmp_path: Path) -> None:
    path = tmp_path / "file"
    watcher, seen = watch(loop, path)
    assert (watcher.attr, watcher.prev) == (None, None)
    assert f"path={path!s}".split("/")[-1] in repr(watcher)

    path.write_text("made")
    run_until(loop, lambda: seen)
    assert (seen[-1][0], seen[-1][1].st_size) == (None, 4)

    # In the same second, and with the same size.
    path.write_text("edit")
    run_until(loop, lambda: len(seen) == 2)
    assert seen[-1][0].st_mtime_ns != seen[-1][1].st_mtime_ns

    other = tmp_path / "other"
    other.write_text("other")
    other.rename(path)
    run_until(loop, lambda: len(seen) == 3)
    assert seen[-1][0].st_ino != seen[-1][1].st_ino

    path.chmod(0o600)
    run_until(loop, lambda: len(seen) == 4)
    path.unlink()
    run_until(loop, lambda: len(seen) == 5)
    assert seen[-1][1] is None
    watcher.stop()
    assert loop.run() == "idle"


def test_a_link_that_is_swapped(loop: Loop, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text("same")
    link, fresh = tmp_path / "link", tmp_path / "fresh"
    link.symlink_to("a")
    watcher, seen = watch(loop, link)
    fresh.symlink_to("b")
    fresh.rename(link)
    run_until(loop, lambda: seen)
    assert seen[0][1].st_ino == (tmp_path / "b").stat().st_ino
    link.unlink()
    link.symlink_to("nowhere")
    run_until(loop, lambda: len(seen) == 2)
    assert seen[1][1] is None
    watcher.close()


def test_nothing_happens(loop: Loop, tmp_path: Path) -> None:
    watcher, seen = watch(loop, tmp_path)
    loop.stop(0.35)
    assert loop.run() == "stopped"
    assert seen == []
    watcher.feed(0)
    loop.run(nowait=True)
    assert len(seen) == 1
    assert watcher.active
    watcher.stop()


def test_a_file_system_that_blocks(loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop continues; one thread at a time waits; results from before a start or after a stop are dropped."""
    watcher, seen = watch(loop, tmp_path / "file")
    gate, looks = threading.Event(), []

    real = stat._stat

    def blocked(path: Any) -> Any:
        if path != watcher.path:
            # The thread of an earlier test.
            return real(path)
        looks.append(path)
        gate.wait(10)
        return os.stat(tmp_path)

    monkeypatch.setattr(stat, "_stat", blocked)
    loop.stop(0.5)
    assert loop.run() == "stopped"
    assert len(looks) == 1
    watcher.stop()
    monkeypatch.setattr(stat, "_stat", real)
    watcher.start(seen.append, "changed")
    gate.set()
    loop.stop(0.3)
    loop.run()
    assert seen == []
    watcher.close()


def test_without_a_thread_it_looks_next_time(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, seen = watch(loop, tmp_path / "file")
    refused: list[Any] = []

    def refuse(*args: Any) -> None:
        refused.append(args)
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(stat, "start_helper", refuse)
        run_until(loop, lambda: refused)
    (tmp_path / "file").touch()
    run_until(loop, lambda: seen)
    watcher.stop()


def test_a_loop_that_is_closed_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, gate, left = Loop(), threading.Event(), threading.Event()
    watcher, _ = watch(loop, tmp_path)

    def blocked(path: Any) -> None:
        gate.wait(10)
        left.set()

    monkeypatch.setattr(stat, "_stat", blocked)
    loop.stop(0.2)
    loop.run()
    loop.close()
    gate.set()
    assert left.wait(10)
    assert not watcher.active


def test_in_the_child_of_a_fork(tmp_path: Path) -> None:
    """Also if the checking thread is lost by the fork."""
    out, _ = run_script(
        """
        import os, sys, threading, time
        from greenrt._loop.watchers import stat
        from greenrt._loop.loop import Loop
        path = sys.argv[1]
        loop, seen, looking = Loop(), [], threading.Event()
        watcher = loop.stat(path, 0.1)
        watcher.start(seen.append, "changed")
        real = stat._stat
        def blocked(path):
            looking.set()
            time.sleep(10)
        stat._stat = blocked
        while not looking.is_set():
            loop.stop(0.2)
            loop.run()
        stat._stat = real
        pid = os.fork()
        if pid:
            print(os.waitpid(pid, 0)[1])
            os._exit(0) if not sys.stdout.flush() else None
        open(path, "w").close()
        loop.stop(10)
        watcher.callback = lambda *_: os._exit(0)
        loop.run()
        os._exit(3)
        """,
        str(tmp_path / "file"),
    )
    assert out == "0\n"


def test_a_greenlet_waits_for_a_change(hub: greenrt.Hub, tmp_path: Path) -> None:
    path = tmp_path / "file"
    greenrt.spawn_later(0.05, path.touch)
    with hub.loop.stat(os.fsencode(path), 0.1) as watcher, greenrt.Timeout(10):
        hub.wait(watcher)
    assert watcher.attr.st_size == 0


@pytest.mark.parametrize("interval", [-1, nan])
def test_bad_intervals(loop: Loop, interval: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        loop.stat("/", interval)


def test_bad_paths(loop: Loop) -> None:
    with pytest.raises(TypeError):
        loop.stat(1)
    with loop.stat("/", inf) as watcher:
        watcher.start(print)
        assert watcher.attr == os.stat("/")
