"""Clocks that jump: no timer is early, and none is lost."""

from pathlib import Path
from random import Random

import pytest
from support.child import run_script

import greenrt
from greenrt._loop.backends.fake import FakeBackend
from greenrt._loop.clock import Clock, VirtualClock
from greenrt._loop.loop import Loop

from .conftest import Campaign
from .faults.shim import build, compiler

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(300)]


class WallClock(Clock):
    """What a loop must not go by: the time of day, which somebody sets back and forth."""

    __slots__ = ("_chance", "_inner")

    def __init__(self, inner: VirtualClock, chance: Random) -> None:
        self._inner = inner
        self._chance = chance

    def now(self) -> float:
        return self._inner.now() + self._chance.choice([-3600.0, 0.0, 3600.0])


def play(chance: Random, count: int, wall: bool) -> list[str]:
    """Start and stop timers while time jumps ahead, as over a suspended machine's sleep; return what is wrong."""
    backend = FakeBackend()
    clock = backend.clock
    loop = Loop(backend, WallClock(clock, chance) if wall else clock)
    wrong: list[str] = []
    fired = [0] * count
    started: list[tuple[object, float]] = []

    def fire(number: int) -> None:
        fired[number] += 1
        if clock.now() < started[number][1]:
            wrong.append(f"timer {number} is early by {started[number][1] - clock.now()} s")

    last = 0.0
    for number in range(count):
        delay = chance.choice([0.0, 1e-9, chance.uniform(0, 10), chance.uniform(0, 10_000), 1e18])
        timer = loop.timer(delay)
        started.append((timer, clock.now() + delay))
        timer.start(fire, number)
        if delay < 1e18:
            last = max(last, clock.now() + delay)
        if chance.random() < 0.1:
            clock.advance(chance.choice([0.0, 0.001, 5.0, 3600.0]))
            loop.run(nowait=True)
    clock.advance(last - clock.now() + 1.0)
    # A turn fires ten at least.
    for _ in range(count // 10 + 1):
        loop.run(nowait=True)
    for number, (_, deadline) in enumerate(started):
        if fired[number] != (deadline < 1e17):
            wrong.append(f"timer {number}, due at {deadline}, has fired {fired[number]} times")
    loop.close()
    return wrong


def test_time_jumps_ahead(campaign: Campaign) -> None:
    count = 10_000 if greenrt.__build__ == "compiled" else 1000
    for number in campaign.rounds(100):
        assert play(campaign.random(number), count, False) == []
    campaign.report(f"{campaign.done * count:,} timers, none early, none lost")


def test_a_loop_that_goes_by_the_time_of_day_would_be_noticed(campaign: Campaign) -> None:
    """The broken variant."""
    found = play(campaign.random(), 1000, True)
    campaign.report(f"{len(found)} of 1000 timers are early or lost")
    assert any("early" in line for line in found)


SCRIPT = """
import ctypes, os, queue, select, socket, sys, threading, time
from greenrt import monkey
monkey.patch_all()
import greenrt
jump = ctypes.CDLL(os.environ["LD_PRELOAD"]).wall_jump

def timed_out():
    with greenrt.Timeout(0.5, False):
        greenrt.sleep(20)
def get():
    try:
        queue.Queue().get(timeout=0.5)
    except queue.Empty:
        pass
def receive():
    near, far = socket.socketpair()
    near.settimeout(0.5)
    try:
        near.recv(1)
    except TimeoutError:
        pass
def timer():
    done = greenrt.Event()
    with greenrt.get_hub().loop.timer(0.5) as watcher:
        watcher.start(done.set)
        done.wait()
def by_the_time_of_day():
    end = time.time() + 0.5
    while time.time() < end:
        greenrt.sleep(0.01)
waits = {
    "sleep": lambda: time.sleep(0.5), "green sleep": lambda: greenrt.sleep(0.5), "Timeout": timed_out, "get": get,
    "recv": receive, "timer": timer, "Event": lambda: threading.Event().wait(0.5),
    "green Event": lambda: greenrt.Event().wait(0.5), "select": lambda: select.select([], [], [], 0.5),
    "join": lambda: greenrt.joinall([greenrt.spawn(greenrt.sleep, 20)], timeout=0.5),
    "lock": lambda: [lock.acquire(timeout=0.5) for lock in [threading.Lock()] * 2],
}
if sys.argv[1] == "broken":
    waits = {"by the time of day": by_the_time_of_day}
taken = {}
def run(name):
    began = time.monotonic()
    waits[name]()
    taken[name] = time.monotonic() - began
running = [greenrt.spawn(run, name) for name in waits]
expected = time.time()
for seconds in (3600, -7200, 3600):
    greenrt.sleep(0.1)
    jump(seconds)
    expected += seconds
    assert abs(time.time() - expected) < 60
greenrt.joinall(running, timeout=20)
early = {name: round(seconds, 3) for name, seconds in taken.items() if seconds < 0.499}
late = [name for name in waits if name not in taken]
print(len(waits), "waits", "early:", early, "late:", late)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert compiler() is not None, "this campaign needs a C compiler"
    return build(tmp_path_factory.mktemp("wall"), Path(__file__).with_name("faults") / "wall.c")


def test_the_time_of_day_is_set_back_and_forth(campaign: Campaign, library: Path) -> None:
    output, _ = run_script(SCRIPT, "whole", LD_PRELOAD=str(library))
    campaign.report(output.strip())
    assert output == "11 waits early: {} late: []\n"


def test_a_wait_by_the_time_of_day_would_be_noticed(library: Path) -> None:
    """The broken variant."""
    output, _ = run_script(SCRIPT, "broken", LD_PRELOAD=str(library))
    assert "by the time of day" in output
    assert "early: {}" not in output
