"""os.sendfile, os.splice, eventfds and similar calls: others run while they wait; results are the standard ones."""

import os as stdlib_os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from support.child import run_script

import greenrt
from greenrt.green import os

MUCH = 2_000_000


def close_all(*fds: int) -> None:
    for fd in fds:
        stdlib_os.close(fd)


@pytest.fixture
def much(tmp_path: Path) -> Iterator[BinaryIO]:
    path = tmp_path / "much"
    path.write_bytes(bytes(range(250)) * (MUCH // 250))
    with path.open("rb") as file:
        yield file


def fill(fd: int) -> None:
    stdlib_os.set_blocking(fd, False)
    try:
        while True:
            stdlib_os.write(fd, bytes(65536))
    except BlockingIOError:
        stdlib_os.set_blocking(fd, True)


def full_pipe() -> tuple[int, int]:
    ends = stdlib_os.pipe()
    fill(ends[1])
    return ends


@pytest.mark.parametrize("kind", ["socket", "pipe"])
@pytest.mark.parametrize("position", [0, 1000, None])
def test_sendfile_sends_all(kind: str, position: int | None, much: BinaryIO) -> None:
    ends = stdlib_os.pipe() if kind == "pipe" else tuple(end.detach() for end in socket.socketpair())
    if position is None:
        much.seek(500)
    sender = greenrt.spawn(os.sendfile, ends[1], much.fileno(), position, MUCH)
    wanted = MUCH - (500 if position is None else position)
    greenrt.sleep(0.02)
    assert not sender.dead
    got = bytearray()
    while len(got) < wanted:
        got += os.read(ends[0], 65536)
    assert sender.get(timeout=20) == wanted
    assert got == (bytes(range(250)) * (MUCH // 250))[-wanted:]
    assert stdlib_os.get_blocking(ends[1])
    assert os.sendfile(ends[1], much.fileno(), MUCH, 10) == 0
    close_all(*ends)


def splice_from_an_empty_pipe() -> tuple[Callable[[], Any], Callable[[], Any], list[int]]:
    ends, others = stdlib_os.pipe(), stdlib_os.pipe()
    return (
        lambda: os.splice(ends[0], others[1], 100),
        lambda: stdlib_os.write(ends[1], b"abc"),
        [*ends, *others],
    )


def splice_to_a_full_pipe() -> tuple[Callable[[], Any], Callable[[], Any], list[int]]:
    ends, others = stdlib_os.pipe(), full_pipe()
    stdlib_os.write(ends[1], b"abc")
    return (
        lambda: os.splice(ends[0], others[1], 100),
        lambda: stdlib_os.read(others[0], 65536),
        [*ends, *others],
    )


def splice_from_a_socket() -> tuple[Callable[[], Any], Callable[[], Any], list[int]]:
    near, far = (end.detach() for end in socket.socketpair())
    ends = stdlib_os.pipe()
    return (
        lambda: os.splice(near, ends[1], 100),
        lambda: stdlib_os.write(far, b"abc"),
        [near, far, *ends],
    )


def splice_to_a_full_socket() -> tuple[Callable[[], Any], Callable[[], Any], list[int]]:
    near, far = (end.detach() for end in socket.socketpair())
    ends = stdlib_os.pipe()
    stdlib_os.write(ends[1], b"abc")
    fill(near)

    def drain() -> None:
        stdlib_os.set_blocking(far, False)
        with pytest.raises(BlockingIOError):
            while True:
                stdlib_os.read(far, 65536)

    return lambda: os.splice(ends[0], near, 100), drain, [near, far, *ends]


def read_an_eventfd() -> tuple[Callable[[], Any], Callable[[], Any], list[int]]:
    fd = stdlib_os.eventfd(0)
    return lambda: os.eventfd_read(fd), lambda: stdlib_os.eventfd_write(fd, 3), [fd]


def write_an_eventfd_without_room() -> tuple[Callable[[], Any], Callable[[], Any], list[int]]:
    fd = stdlib_os.eventfd(2**64 - 3 & 0xFFFFFFFF)
    stdlib_os.eventfd_write(fd, 2**64 - 3 - (2**32 - 3))

    def write() -> int:
        os.eventfd_write(fd, 100)
        return 3

    return write, lambda: stdlib_os.eventfd_read(fd), [fd]


def preadv_of_a_pipe() -> tuple[Callable[[], Any], Callable[[], Any], list[int]]:
    ends = stdlib_os.pipe()
    return (
        lambda: os.preadv(ends[0], [bytearray(9)], -1),
        lambda: stdlib_os.write(ends[1], b"abc"),
        list(ends),
    )


def pwritev_to_a_full_pipe() -> tuple[Callable[[], Any], Callable[[], Any], list[int]]:
    ends = full_pipe()
    return (
        lambda: os.pwritev(ends[1], [b"ab", b"c"], -1),
        lambda: stdlib_os.read(ends[0], 65536),
        list(ends),
    )


def readinto_of_a_pipe() -> tuple[Callable[[], Any], Callable[[], Any], list[int]]:
    ends = stdlib_os.pipe()
    return (
        lambda: os.readinto(ends[0], bytearray(9)),
        lambda: stdlib_os.write(ends[1], b"abc"),
        list(ends),
    )


CALLS = [
    splice_from_an_empty_pipe,
    splice_to_a_full_pipe,
    splice_from_a_socket,
    splice_to_a_full_socket,
    read_an_eventfd,
    write_an_eventfd_without_room,
    preadv_of_a_pipe,
    pwritev_to_a_full_pipe,
]
# New in CPython 3.14.
if hasattr(stdlib_os, "readinto"):
    CALLS.append(readinto_of_a_pipe)


@pytest.mark.parametrize("make", CALLS)
def test_a_call_waits_while_others_run(make: Callable[[], Any]) -> None:
    call, ready, fds = make()
    task = greenrt.spawn(call)
    greenrt.sleep(0.02)
    assert not task.dead
    ready()
    assert task.get(timeout=20) == 3
    assert all(stdlib_os.get_blocking(fd) for fd in fds[:1])
    close_all(*fds)


@pytest.mark.parametrize("make", CALLS)
def test_a_wait_can_be_broken(make: Callable[[], Any]) -> None:
    call, _, fds = make()
    started = time.monotonic()
    with pytest.raises(greenrt.Timeout), greenrt.Timeout(0.02):
        call()
    assert time.monotonic() - started < 20
    task = greenrt.spawn(call)
    greenrt.sleep(0.01)
    task.kill()
    assert task.dead
    close_all(*fds)


PROGRAM = """
    import sys
    if sys.argv[1] == "patched":
        from greenrt import monkey
        monkey.patch_all()
    import os, socket, tempfile, threading
    def attempt(function, *args, **kwargs):
        try: return function(*args, **kwargs)
        except Exception as error: return type(error).__name__, getattr(error, "errno", None)
    file = tempfile.TemporaryFile()
    file.write(bytes(100_000))
    file.flush()
    name = file.fileno()
    r, w = os.pipe()
    other_r, other_w = os.pipe()
    near, far = socket.socketpair()
    print(attempt(os.sendfile, w, name, 0, 10), attempt(os.sendfile, w, r, None, 10),
          attempt(os.sendfile, -1, name, 0, 1))
    print(attempt(os.sendfile, w, name, 99_995, 10), attempt(os.sendfile, near.fileno(), name, offset=0, count=1))
    print(attempt(os.sendfile, "x", name, 0, 1), attempt(os.sendfile, w, name, 0),
          attempt(os.sendfile, w, name, 0, -1))
    print(os.read(r, 100), far.recv(9))
    os.set_blocking(w, False)
    print(attempt(os.sendfile, w, name, 0, 100_000), attempt(os.sendfile, w, name, 0, 100_000))
    print(attempt(os.splice, other_r, w, 10), attempt(os.splice, name, w, 10, offset_src=0))
    os.set_blocking(w, True)
    print(attempt(os.splice, r, other_w, 10), attempt(os.splice, name, far.fileno(), 1),
          attempt(os.splice, r, 999, 1))
    print(attempt(os.splice, r, other_w, 10, 5), attempt(os.splice, r, other_w, -1), attempt(os.splice, r))
    print(attempt(os.splice, other_r, name, 5, None, 3),
          attempt(os.splice, other_r, w, 3, flags=os.SPLICE_F_NONBLOCK))
    os.read(other_r, 100)
    print(attempt(os.splice, other_r, w, 3, flags=os.SPLICE_F_NONBLOCK))
    e = os.eventfd(3)
    print(attempt(os.eventfd_read, e), attempt(os.eventfd_write, e, -1), attempt(os.eventfd_write, e, 2**64),
          attempt(os.eventfd_write, e, 5), attempt(os.eventfd_read, 999), attempt(os.eventfd_read, "x"))
    n = os.eventfd(0, os.EFD_NONBLOCK)
    print(attempt(os.eventfd_read, n), os.eventfd_read(os.eventfd(3, os.EFD_SEMAPHORE)), attempt(os.eventfd_read, e))
    print(attempt(os.eventfd_write, 999, 1), attempt(os.eventfd_write, e, "x"))
    print(attempt(os.preadv, r, [bytearray(3)], 0), attempt(os.preadv, name, [bytearray(3)], 5),
          attempt(os.preadv, r, [bytearray(3)], -1), attempt(os.pwritev, w, [b"x"], 0),
          attempt(os.pwritev, w, [b"x"], -1, os.RWF_NOWAIT), attempt(os.preadv, 999, [], -1))
    released = memoryview(bytearray(2))
    released.release()
    unusable = b"x", "x", None, bytearray(0), memoryview(bytearray(4))[::2], released
    if hasattr(os, "readinto"):
        print(attempt(os.readinto, r, bytearray(2)), attempt(os.readinto, name, bytearray(2)),
              attempt(os.readinto, 999, bytearray(2)))
        empty, _ = os.pipe()
        print(*[attempt(os.readinto, empty, target) for target in unusable])
    empty, _ = os.pipe()
    print(*[attempt(os.readv, empty, [target]) for target in unusable], attempt(os.readv, empty, []),
          attempt(os.readv, empty, iter([bytearray(2)])), attempt(os.readv, empty, [bytearray(2), b"x"]),
          attempt(os.preadv, empty, [b"x"], -1), attempt(os.preadv, empty, [], -1))
    threading.Timer(0.05, far.close).start()
    print(attempt(os.splice, near.fileno(), other_w, 9))
"""


def test_results_and_errors_are_the_standard_ones() -> None:
    patched, _ = run_script(PROGRAM, "patched")
    plain, _ = run_script(PROGRAM, "plain")
    assert patched.splitlines() == plain.splitlines()


def test_an_os_error_that_is_thrown_at_a_waiting_sendfile_is_raised(much: BinaryIO) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError, match="mine"), greenrt.Timeout(0.05, TimeoutError("mine")):
        os.sendfile(ours.fileno(), much.fileno(), 0, MUCH)


def test_an_eventfd_stays_blocking_for_other_threads() -> None:
    """Three threads, each with a hub, read what this thread writes."""
    fd = stdlib_os.eventfd(0, stdlib_os.EFD_SEMAPHORE)
    counts = []

    def read() -> None:
        greenrt.get_hub()
        count = 0
        while count < 300:
            os.eventfd_read(fd)
            count += 1
        counts.append(count)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(900):
        os.eventfd_write(fd, 1)
        if number % 50 == 0:
            greenrt.sleep(0.001)
    for reader in readers:
        reader.join(30)
    assert counts == [300] * 3
    stdlib_os.close(fd)
