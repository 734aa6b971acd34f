"""The epoll instance."""

import errno
import importlib.util
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from greenrt._native import gil
from greenrt._native.poller import ADD, DELETE, MODIFY, Poller


@pytest.fixture
def poller() -> Iterator[Poller]:
    made = Poller()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def batch(poller: Poller, count: int) -> list[tuple[int, int, int]]:
    return [(poller.ready_fd(i), poller.ready_generation(i), poller.ready_events(i)) for i in range(count)]


def test_reports_fd_generation_and_events(poller: Poller, pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    assert poller.control(ADD, one.fileno(), select.EPOLLIN, 77) == 0
    assert poller.wait(0) == 0
    other.send(b"x")
    assert batch(poller, poller.wait(1.0)) == [(one.fileno(), 77, select.EPOLLIN)]
    assert poller.control(MODIFY, one.fileno(), select.EPOLLIN | select.EPOLLOUT, 78) == 0
    assert batch(poller, poller.wait(1.0)) == [(one.fileno(), 78, select.EPOLLIN | select.EPOLLOUT)]
    assert poller.control(DELETE, one.fileno(), 0, 0) == 0
    assert poller.wait(0) == 0


def test_answers_with_an_errno(
    poller: Poller, pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    fd = pair[0].fileno()
    assert poller.control(ADD, -1, select.EPOLLIN, 0) == errno.EBADF
    assert poller.control(MODIFY, fd, select.EPOLLIN, 0) == errno.ENOENT
    assert poller.control(DELETE, fd, 0, 0) == errno.ENOENT
    assert poller.control(ADD, fd, select.EPOLLIN, 0) == 0
    assert poller.control(ADD, fd, select.EPOLLIN, 0) == errno.EEXIST
    with open(tmp_path / "file", "w") as file:
        assert poller.control(ADD, file.fileno(), select.EPOLLIN, 0) == errno.EPERM


@pytest.mark.parametrize("timeout", [0.0, 1e-4, 0.02])
def test_never_returns_early(poller: Poller, timeout: float) -> None:
    before = time.monotonic()
    assert poller.wait(timeout) == 0
    assert time.monotonic() - before >= timeout


@pytest.mark.parametrize("timeout", [-1.0, 1e18, float("inf")])
def test_the_longest_waits_end_with_an_event(
    poller: Poller, pair: tuple[socket.socket, socket.socket], timeout: float
) -> None:
    poller.control(ADD, pair[0].fileno(), select.EPOLLOUT, 1)
    assert poller.wait(timeout) == 1


def test_at_most_its_capacity_at_once() -> None:
    poller, pipes = Poller(4), [os.pipe() for _ in range(10)]
    try:
        for _, write_fd in pipes:
            assert poller.control(ADD, write_fd, select.EPOLLOUT | select.EPOLLONESHOT, 1) == 0
        seen = []
        while count := poller.wait(0):
            assert count <= 4
            seen += [poller.ready_fd(i) for i in range(count)]
        assert sorted(seen) == sorted(write_fd for _, write_fd in pipes)
    finally:
        poller.close()
        for fds in pipes:
            for fd in fds:
                os.close(fd)


def test_a_signal_does_not_make_it_fail(poller: Poller) -> None:
    before = signal.signal(signal.SIGALRM, lambda number, frame: None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        assert poller.wait(0.1) == 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_close_gives_the_fd_back_once() -> None:
    poller = Poller()
    fd = poller.fd
    os.fstat(fd)
    poller.close()
    poller.close()
    assert poller.fd == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    assert poller.control(ADD, 0, select.EPOLLIN, 0) == errno.EBADF


def test_an_error_in_a_turn_at_the_gil_loses_no_event(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler raises it. Only the plain twin needs such turns."""
    spec = importlib.util.spec_from_file_location("plain_poller", Path(gil.__file__).parent / "poller.py")
    assert spec is not None
    assert spec.loader is not None
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)
    poller = plain.Poller()
    one, other = pair
    poller.control(ADD, one.fileno(), select.EPOLLIN | select.EPOLLONESHOT, 77)
    other.send(b"x")

    def interrupted(self: object, timeout: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(gil.GilTurns, "give", interrupted)
        with pytest.raises(KeyboardInterrupt):
            poller.wait(0)
    assert batch(poller, poller.wait(0)) == [(one.fileno(), 77, select.EPOLLIN)]
    poller.close()
