"""Reads and writes that never wait: their results in place of a wait, and their errors."""

import os
from collections.abc import Iterator
from stat import S_IFIFO, S_IFREG

import pytest

from greenrt._native.nowait import kind_of, read_now, readv_now, write_now


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read_fd, write_fd = os.pipe()
    yield read_fd, write_fd
    for fd in (read_fd, write_fd):
        try:
            os.close(fd)
        except OSError:
            pass


def test_kinds(pipe: tuple[int, int]) -> None:
    assert kind_of(pipe[0]) == S_IFIFO
    for no_fd in (10**6, -1, 2**40, 0.5, "x", None):
        assert kind_of(no_fd) == S_IFREG


def test_what_is_ready_and_what_is_not(pipe: tuple[int, int]) -> None:
    read_fd, write_fd = pipe
    if read_now(read_fd, 10) is NotImplemented:
        assert write_now(write_fd, b"x", 0) is NotImplemented
        return
    assert read_now(read_fd, 10) is None
    assert readv_now(read_fd, [bytearray(2)]) is None
    assert write_now(write_fd, b"abcdef", 1) == 5
    assert read_now(read_fd, 2) == b"bc"
    into = bytearray(10)
    assert readv_now(read_fd, [into]) == 3
    assert into[:3] == b"def"
    while write_now(write_fd, bytes(65536), 0):
        pass
    assert write_now(write_fd, bytes(65536), 0) is None
    assert len(read_now(read_fd, 1 << 20)) >= 4096
    os.close(write_fd)
    while read_now(read_fd, 1 << 20):
        pass
    assert read_now(read_fd, 10) == b""


def test_errors(pipe: tuple[int, int]) -> None:
    read_fd, write_fd = pipe
    if read_now(read_fd, 10) is not NotImplemented:
        with pytest.raises(BrokenPipeError):
            os.close(read_fd)
            write_now(write_fd, b"x", 0)
        with pytest.raises(OSError, match="Bad file descriptor"):
            read_now(write_fd, 10)
    with pytest.raises((TypeError, BufferError)):
        write_now(write_fd, 5, 0)
