"""Children, forks and signals in numbers. Figures are printed; what is asserted has room for a busy machine."""

import os
import threading
import time

import pytest

from greenrt._loop.loop import Loop

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]


def spawn(code: int) -> int:
    return os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {code}"], os.environ)


@pytest.mark.parametrize("where", ["main", "thread"])
def test_children_at_once(campaign, where):
    """2000 children at once: each exit code is told."""
    wrong: list[object] = []
    told: list[int] = []

    def run() -> None:
        loop = Loop()

        def ended(watcher: object, code: int) -> None:
            told.append(code)
            if watcher.rstatus != code << 8:
                wrong.append((watcher, watcher.rstatus, code))

        # They all wait for the pipe's end.
        read_fd, write_fd = os.pipe()
        for number in range(2000):
            pid = os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", f"read x; exit {number % 256}"],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_DUP2, read_fd, 0)],
            )
            watcher = loop.child(pid)
            watcher.start(ended, watcher, number % 256)
        os.close(read_fd)
        os.close(write_fd)
        loop.run()
        loop.close()

    began = time.monotonic()
    if where == "main":
        run()
    else:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    campaign.report(f"{len(told)} children at once in {time.monotonic() - began:.1f} s")
    assert not wrong
    assert len(told) == 2000


@pytest.mark.parametrize("where", ["main", "thread"])
def test_children_in_sequence(campaign, where):
    """10^4 children one after the other: each exit code is told."""
    wrong: list[object] = []
    began = time.monotonic()

    def run() -> None:
        loop = Loop()
        for number in campaign.rounds(10_000, least=500):
            code = number % 256
            watcher = loop.child(spawn(code))
            watcher.start(int)
            loop.run()
            if watcher.rstatus != code << 8:
                wrong.append((number, watcher.rstatus))
        loop.close()

    if where == "main":
        run()
    else:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    campaign.report(f"{campaign.done:,} children in {time.monotonic() - began:.1f} s")
    assert not wrong
