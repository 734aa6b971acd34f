"""A pytest plugin (``-p support.storm``) that sends SIGALRM a thousand times a second while a test runs.

It reveals waits that a signal ends early, system calls that fail with EINTR, and code that a handler must not
interrupt.
"""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

INTERVAL = 0.001


class Storm:
    """Counts the signals that arrived during the tests."""

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
