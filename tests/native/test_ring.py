"""The storage of the run queue, compared with a deque."""

import gc
import random
import weakref
from collections import deque

import pytest

from greenrt._native.ring import Ring


def test_first_in_first_out() -> None:
    ring = Ring()
    for n in range(1000):
        ring.append(n)
    assert len(ring) == 1000
    assert [ring.popleft() for _ in range(1000)] == list(range(1000))
    assert len(ring) == 0


def test_empty() -> None:
    ring = Ring()
    assert len(ring) == 0
    assert ring.peek() is None
    with pytest.raises(IndexError):
        ring.popleft()


@pytest.mark.parametrize("seed", range(10))
def test_does_what_a_deque_does(seed: int) -> None:
    dice = random.Random(seed)
    ring, model = Ring(), deque()
    for n in range(5000):
        # Long runs of either kind, so that the ring grows, wraps and becomes empty.
        if dice.random() < 0.5 + 0.4 * ((n // 500) % 2 * 2 - 1):
            if dice.random() < 0.9:
                ring.append(n)
                model.append(n)
            else:
                ring.appendleft(n)
                model.appendleft(n)
        elif model:
            assert ring.popleft() == model.popleft()
        assert len(ring) == len(model)
        assert ring.peek() == (model[0] if model else None)
    if dice.random() < 0.5:
        ring.clear()
        model.clear()
    assert [ring.popleft() for _ in range(len(ring))] == list(model)


class Thing:
    pass


def test_keeps_what_is_queued_and_nothing_else() -> None:
    ring, things = Ring(), [Thing() for _ in range(200)]
    alive = [weakref.ref(thing) for thing in things]
    for thing in things:
        ring.append(thing)
    del things, thing
    for _ in range(150):
        ring.popleft()
    assert [ref() is not None for ref in alive] == [False] * 150 + [True] * 50
    ring.clear()
    assert not any(ref() for ref in alive)


def test_a_cycle_through_the_ring_is_collected() -> None:
    ring, thing = Ring(), Thing()
    thing.ring = ring
    ring.append(thing)
    alive = weakref.ref(thing)
    del ring, thing
    gc.collect()
    assert alive() is None


def test_a_finalizer_that_appends_during_clear() -> None:
    ring = Ring()

    class Clingy:
        def __del__(self) -> None:
            ring.append("from the finalizer")

    ring.append(Clingy())
    ring.clear()
    assert len(ring) in (0, 1)
    ring.append("after")
    assert [ring.popleft() for _ in range(len(ring))][-1] == "after"
