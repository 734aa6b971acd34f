"""The state of the running OS thread."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Never

import pytest

from greenrt._native import thread


class Value:
    pass


def test_each_thread_has_its_slot() -> None:
    before = thread.get_slot()
    seen = []

    def work() -> None:
        seen.append(thread.get_slot())
        value = Value()
        thread.set_slot(value)
        seen.append(thread.get_slot() is value)
        thread.set_slot(None)
        seen.append(thread.get_slot())

    other = threading.Thread(target=work)
    other.start()
    other.join()
    assert seen == [None, True, None]
    assert thread.get_slot() is before


def test_ident_is_the_threads() -> None:
    assert thread.ident() == threading.get_ident()


@pytest.mark.parametrize("clock", [thread.monotonic, thread.coarse])
def test_clocks_agree_with_the_standard_library(clock: Callable[[], float]) -> None:
    # The coarse clock has the time of the last tick, at most 10 ms ago.
    before = time.monotonic()
    now = clock()
    assert before - 0.05 <= now <= time.monotonic()


def test_check_signals_runs_python_handlers() -> None:
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        signal.raise_signal(signal.SIGUSR1)
        thread.check_signals()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [signal.SIGUSR1]


def test_check_signals_raises_what_a_handler_raises() -> None:
    def handler(number: int, frame: object) -> Never:
        raise LookupError("planned")

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(LookupError, match="planned"):
            signal.raise_signal(signal.SIGUSR1)
            thread.check_signals()
    finally:
        signal.signal(signal.SIGUSR1, before)
