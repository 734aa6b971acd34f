"""Children, forks and signals in numbers. Figures are printed; what is asserted has room for a busy machine."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from greenrt._loop.loop import Loop

from .conftest import Campaign

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]


def spawn(code: int) -> int:
    return os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {code}"], os.environ)


def run_in(where: str, run: Callable[[], object]) -> None:
    """Run it in the main thread, or in another one."""
    if where == "main":
        run()
    else:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()


@pytest.mark.parametrize("where", ["main", "thread"])
def test_children_at_once(campaign: Campaign, where: str) -> None:
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
    run_in(where, run)
    campaign.report(f"{len(told)} children at once in {time.monotonic() - began:.1f} s")
    assert not wrong
    assert len(told) == 2000


def in_sequence(numbers: Iterable[int]) -> list[object]:
    """Run children one after the other; return those of whose exit code another was told."""
    wrong: list[object] = []
    loop = Loop()
    for number in numbers:
        code = number % 256
        watcher = loop.child(spawn(code))
        watcher.start(int)
        loop.run()
        if watcher.rstatus != code << 8:
            wrong.append((number, watcher.rstatus))
    loop.close()
    return wrong


@contextmanager
def sigchld_handler(handler: Callable[[], object]) -> Iterator[list[int]]:
    """Have SIGCHLD handled so; yield the list of the handler's calls."""
    calls: list[int] = []

    def handle(number: int, frame: object) -> None:
        calls.append(number)
        handler()

    before = signal.signal(signal.SIGCHLD, handle)
    try:
        yield calls
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("where", ["main", "thread"])
def test_children_in_sequence(campaign: Campaign, where: str) -> None:
    """10^4 children one after the other: each exit code is told, and the program's SIGCHLD handler stays its own."""
    began = time.monotonic()
    wrong: list[object] = []

    def run() -> None:
        wrong.extend(in_sequence(campaign.rounds(10_000, least=500)))

    with sigchld_handler(int) as calls:
        run_in(where, run)
    campaign.report(
        f"{campaign.done:,} children in {time.monotonic() - began:.1f} s, {len(calls):,} calls of a SIGCHLD handler"
    )
    assert not wrong
    assert calls


def test_children_that_somebody_else_reaps_would_be_noticed(campaign: Campaign) -> None:
    """The broken variant: a handler that waits for any child, as programs do that know of no other."""

    def reap() -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    with sigchld_handler(reap):
        wrong = in_sequence(range(1, 100))
    campaign.report(f"{len(wrong)} of 99 exit codes are wrong")
    assert wrong
