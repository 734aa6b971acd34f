"""The write that wakes up a loop."""

import os
import select

import pytest

from greenrt._native.ping import ping


@pytest.mark.parametrize("kind", ["pipe", "eventfd"])
def test_makes_readable_and_never_fails(kind: str) -> None:
    read, write = os.pipe() if kind == "pipe" else (os.eventfd(0),) * 2
    for fd in (read, write):
        os.set_blocking(fd, False)
    try:
        assert select.select([read], [], [], 0)[0] == []
        # A full pipe accepts no more bytes, but it is readable.
        for _ in range(20_000):
            ping(write)
        assert select.select([read], [], [], 0)[0] == [read]
    finally:
        for fd in {read, write}:
            os.close(fd)
    ping(-1)
