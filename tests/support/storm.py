"""A pytest plugin (``-p support.storm``): SIGALRM comes a thousand times a second while a test runs.

A wait that ends early by it, a system call that gives up with EINTR, and a handler that meets code that must not be
interrupted show as failures.
"""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

INTERVAL = 0.001


class Storm:
    """Counts the signals that the tests have had."""

    def __init__(self) -> None:
        self.arrived = 0

    def arrive(self, number: int, frame: FrameType | None) -> None:
        self.arrived += 1


STORM = Storm()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, STORM.arrive)
    signal.setitimer(signal.ITIMER_REAL, INTERVAL, INTERVAL)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"storm: {STORM.arrived} signals arrived")
