"""Signals in numbers: none lost, and how soon they are handled. Figures are printed; medians are asserted."""

import ctypes
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.child import environment

import greenrt
from greenrt import _original

from .conftest import Campaign

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]

ME = os.getpid()
NUMBER = signal.SIGUSR1
REAL_TIME = signal.SIGRTMIN + 3

# Seconds: what the median may be at most, and how long the hub sleeps if a signal does not wake it.
BUDGET = 0.05
ASLEEP = 0.5
# So long the hub sleeps first, before it sleeps for long.
NAP = 0.01


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not what() and time.monotonic() < end:
        greenrt.sleep(0.001)
    assert what()


# -- None lost


def test_signals_that_are_acknowledged(campaign: Campaign) -> None:
    """10^4 signals (boxed: 1000), each sent when the one before is counted: a watcher counts them all."""
    loop = greenrt.get_hub().loop
    counted = 0
    full = 10_000 if campaign.full else 1000
    turn = threading.Semaphore(1)

    def count() -> None:
        nonlocal counted
        counted += watcher.count
        for _ in range(watcher.count):
            turn.release()

    def send() -> None:
        for _ in range(full):
            assert turn.acquire(timeout=60)
            os.kill(ME, NUMBER)

    watcher = loop.signal(NUMBER)
    watcher.start(count)
    began = time.monotonic()
    thread = threading.Thread(target=send)
    thread.start()
    wait_for(lambda: counted == full)
    seconds = time.monotonic() - began
    thread.join()
    watcher.close()
    campaign.report(f"{counted} signals, one at a time, all counted, in {seconds:.1f} s")


def burst(counted: Callable[[], int], full: int = 10_000) -> None:
    """Send `full` real-time signals, 200 at a time: the kernel holds each, up to RLIMIT_SIGPENDING."""
    for sent in range(200, full + 1, 200):
        for _ in range(200):
            os.kill(ME, REAL_TIME)
        end = time.monotonic() + 30
        while counted() < sent and time.monotonic() < end:
            greenrt.sleep(0)


def test_real_time_signals_through_a_thread(campaign: Campaign) -> None:
    """10^4 real-time signals in bursts: a SignalThread passes on each, while greenlets run."""
    got: list[Any] = []
    stop = False
    turns = 0

    def busy() -> None:
        nonlocal turns
        while not stop:
            turns += 1
            greenrt.sleep(0)

    greenlet = greenrt.spawn(busy)
    began = time.monotonic()
    with greenrt.SignalThread([REAL_TIME], got.append):
        burst(lambda: len(got))
        seconds = time.monotonic() - began
    stop = True
    greenlet.join()
    assert len(got) == 10_000
    assert {(info.si_signo, info.si_pid) for info in got} == {(REAL_TIME, ME)}
    campaign.report(
        f"10000 real-time signals, each passed on, in {seconds:.1f} s, beside {turns} turns of a greenlet"
    )


def test_a_handler_that_counts_real_time_signals_misses_some(campaign: Campaign) -> None:
    """The broken variant: CPython calls a handler once for all signals of a number that are pending."""
    got: list[int] = []
    before = signal.signal(REAL_TIME, lambda number, frame: got.append(number))
    try:
        for _ in range(50):
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, [REAL_TIME])
            for _ in range(200):
                os.kill(ME, REAL_TIME)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    finally:
        signal.signal(REAL_TIME, before)
    campaign.report(f"of 10000 real-time signals, a handler saw {len(got)}")
    assert 0 < len(got) < 10_000


# -- Latency


class Bell:
    """A handler that wakes the main greenlet, and knows when it was called."""

    def __init__(self) -> None:
        self.event = greenrt.Event()
        self.handled = 0.0
        self.watchers: list[Any] = []

    def __call__(self, number: int, frame: object) -> None:
        self.handled = time.monotonic()
        for watcher in self.watchers:
            watcher.close()
        self.watchers.clear()
        self.event.set()

    def wait(self) -> float:
        """Wait as an idle program does, which a timer wakes much later; return when the wait has ended."""
        while not self.event.wait(ASLEEP):
            pass
        self.event.clear()
        return time.monotonic()


@contextmanager
def bell() -> Iterator[Bell]:
    ringing = Bell()
    before = signal.signal(NUMBER, ringing)
    try:
        yield ringing
    finally:
        signal.signal(NUMBER, before)


def sent_later(delay: float, send: Callable[[], object]) -> tuple[threading.Thread, list[float]]:
    """Start a thread that sends after `delay` seconds; return it, and where it puts the time."""
    sent: list[float] = []

    def run() -> None:
        time.sleep(delay)
        sent.append(time.monotonic())
        send()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, sent


def idle(ringing: Bell, delay: float) -> float:
    thread, sent = sent_later(delay, lambda: os.kill(ME, NUMBER))
    woken = ringing.wait()
    thread.join()
    return woken - sent[0]


def busy_greenlet(ringing: Bell, delay: float) -> float:
    thread, sent = sent_later(delay, lambda: os.kill(ME, NUMBER))
    while not ringing.event.is_set():
        pass
    ringing.wait()
    thread.join()
    return ringing.handled - sent[0]


def native_thread(ringing: Bell, delay: float) -> float:
    """The signal is sent to a thread that waits in C, which runs no handlers of Python's."""
    leave = threading.Event()
    waiting = threading.Thread(target=leave.wait)
    waiting.start()
    thread, sent = sent_later(delay, lambda: signal.pthread_kill(waiting.ident, NUMBER))
    woken = ringing.wait()
    leave.set()
    waiting.join()
    thread.join()
    return woken - sent[0]


def gap(ringing: Bell, delay: float) -> float:
    """The signal comes, without delay, between prepare and poll: a C function that the loop calls sends it."""
    loop = greenrt.get_hub().loop
    sent: list[float] = []
    note, send = ringing.watchers = [loop.prepare(priority=1), loop.prepare(priority=-1)]
    # Compiled, no bytecode runs after this call and before the poll; plain, the handler runs in between.
    raise_ = ctypes.CDLL(None)["raise"]
    note.start(lambda: sent.append(time.monotonic()))
    send.start(raise_, int(NUMBER))
    return ringing.wait() - sent[0]


PLACES = [idle, busy_greenlet, gap, native_thread]


def text(seconds: list[float]) -> str:
    p99 = seconds[int(len(seconds) * 0.99)]
    return (
        f"{len(seconds)} signals: median {statistics.median(seconds) * 1e3:.2f} ms, p99 {p99 * 1e3:.2f}, "
        f"longest {seconds[-1] * 1e3:.2f}"
    )


@pytest.mark.parametrize("place", PLACES)
def test_latency(campaign: Campaign, place: Callable[..., Any]) -> None:
    """A signal is handled within 50 ms, wherever it finds the program."""
    random = campaign.random(place.__name__)
    with bell() as ringing:
        taken = sorted(place(ringing, random.uniform(0, 3 * NAP)) for _ in campaign.rounds(1000, 20))
    campaign.report(text(taken))
    assert statistics.median(taken) <= BUDGET


def test_without_a_wakeup_fd_the_hub_sleeps_on(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant: no system call of the main thread is interrupted, and nothing else wakes it."""
    monkeypatch.setattr(_original, "set_wakeup_fd", lambda fd, **options: -1)
    with bell() as ringing:
        taken = sorted(native_thread(ringing, 4 * NAP) for _ in range(5))
    campaign.report(text(taken))
    assert statistics.median(taken) > BUDGET


# -- A storm

TESTS = Path(__file__).parents[1]


def test_a_storm_over_the_tests_of_the_layers(campaign: Campaign) -> None:
    """The tests of hub, sync and green pass while SIGALRM comes a thousand times a second (boxed: three files)."""
    # Not those that compare with blocking calls of the standard library: these end early with what they have when a
    # signal comes (signal(7)), where ours go on. Nor a count of turns in half a second, of which a thousand handlers
    # leave less.
    files = [
        str(path)
        for layer in ("hub", "sync", "green")
        for path in sorted((TESTS / layer).glob("test_*.py"))
        if "like_stdlib" not in path.name
    ]
    if not campaign.full:
        files = campaign.random("storm").sample(files, 3)
    run = in_a_storm(*files, "-k", "not never_has_to_wait")
    campaign.report(
        " ".join(line for line in run.stdout.splitlines() if "storm:" in line or "passed" in line)
    )
    assert run.returncode == 0, run.stdout
    assert "storm: 0 " not in run.stdout


def in_a_storm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "support.storm", *arguments],
        cwd=TESTS.parent,
        env=environment(GREENRT_TEST_LIMIT="300"),
        capture_output=True,
        text=True,
    )


def test_a_wait_that_a_signal_ends_would_be_noticed(tmp_path: Path) -> None:
    """The broken variant: usleep(3) gives up with EINTR."""
    path = tmp_path / "test_usleep.py"
    path.write_text(
        "import ctypes\n\n\ndef test_usleep():\n    assert ctypes.CDLL(None).usleep(200_000) == 0\n"
    )
    run = in_a_storm(str(path), "--rootdir", str(tmp_path))
    assert run.returncode == 1, run.stdout
    assert "1 failed" in run.stdout
