"""Child watchers."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.child import run_script

from greenrt._loop import processes
from greenrt._loop.loop import Loop
from greenrt._loop.watchers import child

from .conftest import Rig


def shell(command: str) -> int:
    return os.posix_spawn("/bin/sh", ["sh", "-c", command], os.environ)


@pytest.fixture(params=["pidfd", "thread"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "thread":
        monkeypatch.setattr(processes, "_pidfd_open", None)
    yield request.param
    give_up = time.monotonic() + 10
    while child._threads and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not child._threads
    assert not child._watched


def watch(loop: Loop, pid: int, **options: Any) -> tuple[Any, list[Any]]:
    watcher = loop.child(pid, **options)
    seen: list[Any] = []
    watcher.start(lambda: seen.append((watcher.rpid, watcher.rstatus)))
    return watcher, seen


@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9)])
def test_the_end_of_a_child(real: Rig, way: str, command: str, code: int) -> None:
    pid = shell(command)
    watcher, seen = watch(real.loop, pid)
    assert watcher.active
    assert f"pid={pid}" in repr(watcher)
    assert real.loop.run() == "idle"
    ((rpid, status),) = seen
    assert (rpid, os.waitstatus_to_exitcode(status)) == (pid, code)
    assert not watcher.active
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_a_child_that_ended_before_the_start(loop: Loop, way: str) -> None:
    pid = shell("exit 3")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    _, seen = watch(loop, pid)
    loop.run()
    assert seen == [(pid, 3 << 8)]


def test_a_child_whose_status_other_code_took_before_the_start(loop: Loop, way: str) -> None:
    pid = shell("exit 3")
    os.waitpid(pid, 0)
    _, seen = watch(loop, pid)
    loop.run()
    assert seen == [(pid, None)]


def test_a_status_that_is_stolen_meanwhile(loop: Loop, way: str) -> None:
    pid = shell("sleep 0.1; exit 3")
    _, seen = watch(loop, pid)
    # The watcher's thread and this one both wait. Either may win; the watcher is notified in any case.
    try:
        stolen = os.waitpid(pid, 0)
    except ChildProcessError:
        stolen = None
    loop.run()
    assert seen == [(pid, None if stolen else 3 << 8)]


def test_a_process_that_is_no_child(loop: Loop) -> None:
    read_fd, write_fd = os.pipe()
    # The shell ends, and its own child continues.
    pid = os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", "sleep 0.2 & echo $!"],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, write_fd, 1)],
    )
    os.close(write_fd)
    os.waitpid(pid, 0)
    grandchild = int(os.read(read_fd, 100))
    os.close(read_fd)
    _, seen = watch(loop, grandchild)
    assert not seen
    loop.run()
    assert seen == [(grandchild, None)]


def test_several_watchers_of_one_child_in_several_loops_and_threads(way: str) -> None:
    pid = shell("sleep 0.2; exit 5")
    seen = []

    def run() -> None:
        loop = Loop()
        pairs = [watch(loop, pid)[1] for _ in range(3)]
        loop.run()
        seen.extend(pairs)
        loop.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [[(pid, 5 << 8)]] * 12


def test_a_watcher_that_is_stopped_leaves_the_child(loop: Loop, way: str) -> None:
    pid = shell("exec sleep 100")
    watcher, seen = watch(loop, pid)
    watcher.stop()
    watcher.stop()
    assert not loop.activecnt
    os.kill(pid, signal.SIGTERM)
    assert os.waitpid(pid, 0) == (pid, signal.SIGTERM)
    loop.run(nowait=True)
    assert not seen


def test_start_again(loop: Loop, way: str) -> None:
    pid = shell("exec sleep 100")
    watcher, seen = watch(loop, pid)
    for _ in range(10):
        watcher.stop()
        watcher.start(lambda: seen.append(watcher.rstatus))
    os.kill(pid, signal.SIGTERM)
    loop.run()
    assert seen == [signal.SIGTERM]
    # Now the child is gone.
    watcher.start(lambda: seen.append(watcher.rstatus))
    loop.run()
    assert seen == [signal.SIGTERM, None]


def test_stopped_between_the_end_and_the_callback(loop: Loop, way: str) -> None:
    pid = shell("exit 1")
    watcher, seen = watch(loop, pid)
    other, seen_by_other = watch(loop, pid)
    other.callback = watcher.stop
    watcher.callback = other.stop
    loop.run()
    assert not seen
    assert not seen_by_other


def test_closing_the_loop_gives_all_back(way: str) -> None:
    loop = Loop()
    pid = shell("exec sleep 100")
    watcher, _ = watch(loop, pid)
    loop.close()
    assert not watcher.active
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


def test_without_a_free_fd_a_thread_waits(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(pid: int, flags: int) -> int:
        raise OSError(24, "too many open files")

    monkeypatch.setattr(processes, "_pidfd_open", full)
    pid = shell("exit 4")
    _, seen = watch(loop, pid)
    loop.run()
    assert seen == [(pid, 4 << 8)]


def test_stops_and_continuations(loop: Loop) -> None:
    pid = shell("kill -STOP $$; sleep 0.1; exit 2")
    watcher = loop.child(pid, trace=True)
    seen = []

    def changed() -> None:
        seen.append(watcher.rstatus)
        if os.WIFSTOPPED(watcher.rstatus):
            os.kill(pid, signal.SIGCONT)

    watcher.start(changed)
    loop.run()
    assert seen == [signal.SIGSTOP << 8 | 0x7F, 0xFFFF, 2 << 8]


def test_feed(loop: Loop, way: str) -> None:
    pid = shell("exec sleep 100")
    watcher, seen = watch(loop, pid)
    watcher.feed(0)
    watcher.feed(0)
    loop.run(nowait=True)
    assert seen == [(0, None)]
    assert watcher.active
    os.kill(pid, signal.SIGKILL)
    loop.run()
    assert seen == [(0, None), (pid, signal.SIGKILL)]


def test_feed_where_nothing_is_watched(loop: Loop) -> None:
    watcher = loop.child(os.getpid())
    seen: list[str] = []
    watcher.feed(0, seen.append, "fed")
    loop.run()
    assert seen == ["fed"]


def test_unreferenced_watchers_do_not_hold_the_loop(loop: Loop) -> None:
    pid = shell("exec sleep 100")
    watcher, _ = watch(loop, pid, ref=False)
    assert loop.run() == "idle"
    watcher.close()
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    with pytest.raises(ValueError, match="closed"):
        watcher.start(print)


@pytest.mark.parametrize("pid", [0, -1])
def test_all_children_at_once_are_refused(loop: Loop, pid: int) -> None:
    with pytest.raises(ValueError, match=f"one process, by its positive pid, not {pid}"):
        loop.child(pid)


def test_children_with_sigchld_ignored() -> None:
    # With SIGCHLD ignored the kernel reaps the child: its end is reported, its status is lost.
    run_script("""
        import os, signal
        from greenrt._loop.loop import Loop
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for trace in False, True:
            loop, seen = Loop(), []
            pid = os.posix_spawn("/bin/sh", ["sh", "-c", "sleep 0.1; exit 3"], os.environ)
            watcher = loop.child(pid, trace)
            watcher.start(lambda: seen.append(watcher.rstatus))
            loop.run()
            assert seen == [None], seen
        assert signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN
    """)


def test_foreign_children_are_left_to_their_owner(loop: Loop, way: str) -> None:
    foreign = shell("exit 9")
    mine = shell("sleep 0.1")
    _, seen = watch(loop, mine)
    loop.run()
    assert seen == [(mine, 0)]
    assert os.waitpid(foreign, 0) == (foreign, 9 << 8)


def test_many_at_once(loop: Loop) -> None:
    pids = [shell(f"exit {number % 256}") for number in range(100)]
    results = [watch(loop, pid)[1] for pid in pids]
    loop.run()
    assert results == [[(pid, number % 256 << 8)] for number, pid in enumerate(pids)]


def test_from_greenlets() -> None:
    import greenrt

    hub = greenrt.get_hub()

    def wait(code: int) -> int:
        watcher = hub.loop.child(shell(f"sleep 0.05; exit {code}"))
        hub.wait(watcher)
        return os.waitstatus_to_exitcode(watcher.rstatus)

    jobs = [greenrt.spawn(wait, code) for code in range(20)]
    assert [job.get() for job in jobs] == list(range(20))
