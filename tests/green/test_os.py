"""Green `os`: others run while a greenlet waits for descriptors and children; results are the standard ones."""

import errno
import os as stdlib_os
import pty
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.parking import until_parked

import greenrt
from greenrt.green import _fd_io, os, socket


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = stdlib_os.pipe()
    yield ends
    for fd in ends:
        try:
            stdlib_os.close(fd)
        except OSError:
            pass


@pytest.fixture(params=["RWF_NOWAIT", "poll"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as on a kernel without RWF_NOWAIT."""
    if request.param == "poll":
        for name in ("read_now", "readv_now", "write_now"):
            monkeypatch.setattr(_fd_io, name, lambda *arguments: NotImplemented)


# -- File descriptors


@pytest.mark.usefixtures("way")
def test_read_waits_for_data(pipe: tuple[int, int]) -> None:
    readable, writable = pipe
    reader = greenrt.spawn(os.read, readable, 100)
    greenrt.sleep(0.01)
    assert not reader.dead
    assert os.write(writable, b"hello") == 5
    assert reader.get() == b"hello"
    stdlib_os.close(writable)
    assert os.read(readable, 1) == b""


@pytest.mark.usefixtures("way")
def test_reads_into_nothing_or_into_no_buffer_end_at_once(pipe: tuple[int, int]) -> None:
    readable, _ = pipe
    calls: list[Callable[[Any], int]] = [
        lambda buffer: os.readv(readable, [buffer]),
        lambda buffer: os.preadv(readable, [buffer], -1),
    ]
    # New in CPython 3.14.
    if hasattr(stdlib_os, "readinto"):
        calls.append(lambda buffer: os.readinto(readable, buffer))
    with greenrt.Timeout(20):
        for call in calls:
            assert call(bytearray()) == 0
            for wrong in b"read-only", "text", memoryview(bytearray(4))[::2]:
                with pytest.raises((TypeError, BufferError)):
                    call(wrong)
        assert os.readv(readable, []) == 0


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("vectored", [False, True])
def test_write_writes_all(pipe: tuple[int, int], vectored: bool) -> None:
    readable, writable = pipe
    data = bytes(range(250)) * 2000
    if vectored:
        writer = greenrt.spawn(os.writev, writable, [data[:7], b"", memoryview(data)[7:]])
    else:
        writer = greenrt.spawn(os.write, writable, memoryview(data).cast("H"))
    got = bytearray()
    while len(got) < len(data):
        buffers = [bytearray(10), bytearray(50_000)]
        count = os.readv(readable, buffers)
        got += b"".join(buffers)[:count]
    assert got == data
    assert writer.get() == len(data)


@pytest.mark.usefixtures("way")
def test_non_blocking_fds_stay_so(pipe: tuple[int, int]) -> None:
    readable, writable = pipe
    stdlib_os.set_blocking(readable, False)
    stdlib_os.set_blocking(writable, False)
    with pytest.raises(BlockingIOError):
        os.read(readable, 1)
    assert 0 < os.write(writable, b"x" * 1_000_000) < 1_000_000
    with pytest.raises(BlockingIOError):
        os.write(writable, b"x" * 10_000)


@pytest.mark.usefixtures("way")
def test_a_writer_gets_an_error_after_the_end(pipe: tuple[int, int]) -> None:
    readable, writable = pipe
    writer = greenrt.spawn(os.write, writable, b"x" * 1_000_000)
    greenrt.sleep(0.01)
    stdlib_os.close(readable)
    # A part was written: the call returns its size before the next call reports the error.
    assert 0 < writer.get() < 1_000_000
    with pytest.raises(BrokenPipeError):
        os.write(writable, b"x")


@pytest.mark.usefixtures("way")
def test_terminals_sockets_and_files(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        reader = greenrt.spawn(os.read, theirs, 100)
        greenrt.sleep(0.01)
        os.write(ours, b"typed\n")
        assert reader.get() == b"typed\n"
    finally:
        os.close(ours)
        os.close(theirs)
    near, far = socket.socketpair()
    with near, far:
        reader = greenrt.spawn(os.read, near.fileno(), 100)
        greenrt.sleep(0)
        os.write(far.fileno(), b"sent")
        assert reader.get() == b"sent"
    with (tmp_path / "file").open("w+b") as file:
        assert os.write(file.fileno(), b"x" * 100_000) == 100_000
        stdlib_os.lseek(file.fileno(), 0, 0)
        assert len(os.read(file.fileno(), 200_000)) == 100_000


@pytest.mark.parametrize("arguments", [(-1, 1), (10**6, 1), ("x", 1), (0.5, 1), (0, "x"), (0, -1)])
def test_wrong_arguments_of_read(arguments: tuple[Any, Any]) -> None:
    assert raised(os.read, *arguments) == raised(stdlib_os.read, *arguments)


@pytest.mark.parametrize("arguments", [(-1, []), (10**6, []), ("x", []), (0, "x"), (0, None), (0, [b"x"])])
def test_wrong_arguments_of_readv(arguments: tuple[Any, Any]) -> None:
    assert raised(os.readv, *arguments) == raised(stdlib_os.readv, *arguments)


@pytest.mark.parametrize("arguments", [(-1, b"x"), (10**6, b"x"), ("x", b"x"), (1, "x"), (1, 5)])
def test_wrong_arguments_of_write(arguments: tuple[Any, Any], pipe: tuple[int, int]) -> None:
    fd, data = arguments
    fd = pipe[1] if fd == 1 else fd
    assert raised(os.write, fd, data) == raised(stdlib_os.write, fd, data)
    assert raised(os.writev, fd, data) == raised(stdlib_os.writev, fd, data)


@pytest.mark.parametrize("fd", [-1, 10**6, "x", None])
def test_wrong_arguments_of_close(fd: Any) -> None:
    assert raised(os.close, fd) == raised(stdlib_os.close, fd)


def raised(function: Callable[..., Any], *args: Any) -> tuple[type[BaseException], int | None]:
    with pytest.raises((OSError, TypeError, ValueError, OverflowError, BufferError)) as caught:
        function(*args)
    return caught.type, getattr(caught.value, "errno", None)


@pytest.mark.parametrize("end", ["close", "dup2"])
def test_the_end_of_an_fd_wakes_its_waiters(pipe: tuple[int, int], end: str) -> None:
    readable, writable = pipe
    reader = greenrt.spawn(os.read, readable, 1)
    until_parked(reader)
    if end == "close":
        os.close(readable)
    else:
        os.dup2(writable, readable)
    with pytest.raises(OSError, match="closed") as caught:
        reader.get()
    assert caught.value.errno == errno.EBADF


def test_others_get_their_turn_beside_a_busy_pipe(pipe: tuple[int, int]) -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            greenrt.sleep(0.001)
            ticks += 1

    ticker = greenrt.spawn(tick)
    for _ in range(20_000):
        os.write(pipe[1], b"x")
        os.read(pipe[0], 1)
    ticker.kill()
    assert ticks > 0


# -- Children


def child(code: int, seconds: float = 0.3) -> int:
    program = f"import sys, time; time.sleep({seconds}); sys.exit({code})"
    return stdlib_os.posix_spawn(
        sys.executable, [sys.executable, "-S", "-c", program], dict(stdlib_os.environ)
    )


def waited(function: Callable[[], Any]) -> Any:
    """Return the result of a call, after a check that other greenlets ran meanwhile."""
    waiter = greenrt.spawn(function)
    turns = 0
    while not waiter.dead:
        # Let the first turns run one after the other: if the machine stalls, the child may end during any sleep.
        greenrt.sleep(0.005 if turns > 3 else 0)
        turns += 1
    assert turns > 2
    return waiter.get()


def test_waitpid() -> None:
    pid = child(3)
    assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    assert waited(lambda: os.waitpid(pid, 0)) == (pid, 3 << 8)
    assert raised(os.waitpid, pid, 0) == (ChildProcessError, errno.ECHILD)


@pytest.mark.parametrize(
    "call",
    [
        lambda _: os.wait(),
        lambda _: os.waitpid(-1, 0),
        lambda _: os.waitpid(0, 0),
        lambda _: os.waitpid(-stdlib_os.getpgrp(), 0),
        lambda pid: os.waitpid(pid, os.WUNTRACED),
        lambda pid: os.wait4(pid, 0)[:2],
        lambda _: os.wait3(0)[:2],
    ],
)
def test_the_family_of_waitpid(call: Callable[[int], Any]) -> None:
    pid = 0

    def start_and_wait() -> Any:
        nonlocal pid
        pid = child(3)
        return call(pid)

    assert waited(start_and_wait) == (pid, 3 << 8)
    with pytest.raises(ChildProcessError):
        call(pid)


@pytest.mark.parametrize("idtype", ["P_PID", "P_PIDFD", "P_PGID", "P_ALL"])
def test_waitid(idtype: str) -> None:
    pid = child(3)
    fd = stdlib_os.pidfd_open(pid)
    number = {"P_PID": pid, "P_PIDFD": fd, "P_PGID": stdlib_os.getpgrp(), "P_ALL": 0}[idtype]
    kind = getattr(stdlib_os, idtype)
    assert os.waitid(kind, number, os.WEXITED | os.WNOHANG) is None
    found = waited(lambda: os.waitid(kind, number, os.WEXITED | os.WNOWAIT))
    assert (found.si_pid, found.si_status) == (pid, 3)
    assert os.waitid(kind, number, os.WEXITED).si_status == 3
    stdlib_os.close(fd)


def test_stops_are_reported() -> None:
    pid = child(0, 30)
    stdlib_os.kill(pid, 19)
    found, status = os.waitpid(pid, os.WUNTRACED)
    assert found == pid
    assert os.WIFSTOPPED(status)
    stdlib_os.kill(pid, 18)
    assert os.WIFCONTINUED(os.waitpid(pid, os.WCONTINUED)[1])
    stdlib_os.kill(pid, 9)
    assert os.waitpid(pid, 0) == (pid, 9)


def test_several_wait_for_any() -> None:
    pids = {child(n, 0.05 * n) for n in range(4)}
    waiters = [greenrt.spawn(os.wait) for _ in pids]
    assert {waiter.get()[0] for waiter in waiters} == pids


def test_a_killed_waiter_reaps_nothing() -> None:
    pid = child(3)
    waiters = [greenrt.spawn(os.waitpid, pid, 0), greenrt.spawn(os.wait)]
    greenrt.sleep(0.01)
    greenrt.killall(waiters)
    assert os.wait() == (pid, 3 << 8)


def test_without_pidfds(monkeypatch: pytest.MonkeyPatch) -> None:
    from greenrt._loop import processes

    monkeypatch.setattr(processes, "_pidfd_open", None)
    pid = child(3)
    assert waited(lambda: os.waitpid(pid, 0)) == (pid, 3 << 8)


def test_system() -> None:
    assert waited(lambda: os.system("sleep 0.1; exit 3")) == 3 << 8


def test_the_twin_has_all_names() -> None:
    assert os.path is stdlib_os.path
    assert os.__all__ == stdlib_os.__all__
    assert os._exit is stdlib_os._exit
