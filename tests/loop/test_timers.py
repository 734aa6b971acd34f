"""Timers: with a virtual clock for exact times, with the real one to show that they never fire early."""

import time
from math import inf, nan

import pytest

import greenrt
from greenrt._loop.loop import Loop

from .conftest import Rig


def test_in_the_order_of_their_deadlines(virtual: Rig) -> None:
    loop, seen = virtual.loop, []
    timers = [loop.timer(after) for after in (3.0, 1.0, 2.0)]
    for timer in timers:
        timer.start(lambda: seen.append(loop.clock.now() - 1000.0))
    assert loop.run() == "idle"
    assert seen == [1.0, 2.0, 3.0]


@pytest.mark.promised_order
def test_equal_deadlines_in_the_order_of_their_start(virtual: Rig) -> None:
    loop, seen = virtual.loop, []
    for number in range(100):
        loop.timer(1.0).start(seen.append, number)
    loop.run()
    assert seen == list(range(100))


@pytest.mark.parametrize("after", [0, 0.0, -0.0, -1, -1e18, -inf])
def test_zero_and_less_at_the_next_turn(rig: Rig, after: float) -> None:
    seen = []
    timer = rig.loop.timer(after)
    timer.start(seen.append, None)
    assert seen == []
    rig.turn()
    assert seen == [None]
    assert not timer.active


@pytest.mark.parametrize("after", [inf, 1e18])
def test_for_ever(rig: Rig, after: float) -> None:
    timer = rig.loop.timer(after)
    timer.start(print)
    rig.turn(3)
    assert timer.active
    assert rig.loop.activecnt == 1
    timer.close()
    assert rig.loop.activecnt == 0


def test_a_real_loop_sleeps_although_a_timer_is_for_ever(real: Rig) -> None:
    far, near, seen = real.loop.timer(1e18), real.loop.timer(0.01), []
    far.start(print)
    near.start(seen.append, None)
    real.run(lambda: seen)
    far.close()


@pytest.mark.parametrize(("after", "repeat"), [(nan, 0), (0, nan), (1, -1), (1, -inf)])
def test_bad_times(loop: Loop, after: float, repeat: float) -> None:
    with pytest.raises(ValueError, match="of a timer"):
        loop.timer(after, repeat)


def test_never_early(real: Rig) -> None:
    for after in (0.001, 0.0005, 0.02, 0.0101):
        began, seen = time.monotonic(), []
        real.loop.timer(after).start(lambda seen=seen: seen.append(time.monotonic()))
        real.run(lambda seen=seen: seen)
        assert seen[0] - began >= after


def test_repeats(virtual: Rig) -> None:
    loop, seen = virtual.loop, []
    timer = loop.timer(1.0, repeat=0.25)

    def tick() -> None:
        seen.append(loop.clock.now() - 1000.0)
        if len(seen) == 4:
            timer.stop()

    timer.start(tick)
    assert loop.run() == "idle"
    assert seen == [1.0, 1.25, 1.5, 1.75]


def test_an_overrun_is_not_made_up_for(virtual: Rig) -> None:
    loop, seen = virtual.loop, []
    timer = loop.timer(1.0, repeat=1.0)

    def tick() -> None:
        seen.append(loop.clock.now() - 1000.0)
        if len(seen) == 1:
            loop.clock.advance(3.5)
        if len(seen) == 3:
            timer.stop()

    timer.start(tick)
    loop.run()
    assert len(seen) == 3
    assert seen[0] == 1.0
    assert seen[1] >= 2.0
    assert seen[2] - seen[1] >= 1.0 or seen[2] >= 5.5


def test_again(virtual: Rig) -> None:
    loop, seen = virtual.loop, []
    timer = loop.timer(5.0, repeat=2.0)
    timer.again(lambda: (seen.append(loop.clock.now() - 1000.0), timer.stop()))
    loop.run()
    assert seen == [2.0]
    once = loop.timer(5.0)
    once.start(print)
    once.again(print)
    assert not once.active


def test_a_timer_that_is_restarted_with_zero_lets_others_run(rig: Rig) -> None:
    loop, turns, seen = rig.loop, [], []
    timer = loop.timer(0)

    def again() -> None:
        turns.append(loop.iteration)
        if len(turns) < 5:
            timer.start(again)

    timer.start(again)
    one, other = rig.pair()
    other.send(b"x")
    with loop.io(one.fileno(), 1) as watcher:
        watcher.start(seen.append, None)
        # Five, and a few more for a clock that stands still meanwhile.
        rig.turn(20)
    assert len(turns) == 5
    assert len(set(turns)) == 5
    assert seen


def test_stop_from_another_callback_of_the_same_turn(virtual: Rig) -> None:
    loop, seen = virtual.loop, []
    first, second = loop.timer(1.0), loop.timer(1.0)
    first.start(lambda: (seen.append("first"), second.stop()))
    second.start(seen.append, "second")
    assert loop.run() == "idle"
    assert seen == ["first"]


def test_start_again_while_active_moves_it(virtual: Rig) -> None:
    loop, seen = virtual.loop, []
    timer = loop.timer(2.0)
    timer.start(seen.append, "old")
    loop.clock.advance(1.5)
    timer.start(lambda: seen.append(loop.clock.now() - 1000.0))
    assert loop.activecnt == 1
    loop.run()
    assert seen == [3.5]


def test_ten_thousand_started_and_stopped(loop: Loop) -> None:
    timers = [loop.timer(1000.0 + n % 7) for n in range(10_000)]
    for timer in timers:
        timer.start(print)
    assert len(loop.timers) == 10_000
    for timer in timers[::2] + timers[1::2]:
        timer.stop()
    assert len(loop.timers) == 0
    assert loop.activecnt == 0


def test_a_hundred_thousand_started_stopped_and_fired_in_order(virtual: Rig) -> None:
    # Plain Python takes ten times as long.
    loop, fired, count = virtual.loop, [], 100_000 if greenrt.__build__ == "compiled" else 10_000
    # Each number of seconds from 0 to 999 equally often, in a random order.
    times = [number * 7919 % 1000 for number in range(count)]
    timers = [loop.timer(float(seconds)) for seconds in times]
    for number, timer in enumerate(timers):
        timer.start(fired.append, number)
    # Every third timer ends before its deadline, including the first and the last ones in the heap.
    for timer in timers[::3]:
        timer.stop()
    assert len(loop.timers) == loop.activecnt == count - len(timers[::3])
    assert loop.run() == "idle"
    assert [times[number] for number in fired] == sorted(times[number] for number in fired)
    assert sorted(fired) == [number for number in range(count) if number % 3]
    assert len(loop.timers) == loop.activecnt == 0
