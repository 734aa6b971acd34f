"""Growth: the places whose greenlets become more, and stay."""

import threading
import time
from typing import Any

import greenrt
from greenrt import inspect


def leak(event: greenrt.Event) -> "greenrt.Greenlet[Any]":
    return greenrt.spawn(event.wait)


def passing() -> None:
    greenrt.spawn(greenrt.sleep, 0).join()


def of(name: str) -> inspect.Growth | None:
    return next((each for each in inspect.growth() if each.spawned_at.endswith(f" in {name}")), None)


def test_a_leak_grows_and_stays() -> None:
    event = greenrt.Event()
    assert of("leak") is None
    leaked = [leak(event) for _ in range(3)]
    for _ in range(5):
        passing()
    greenrt.sleep(0)
    first = of("leak")
    assert first is not None
    assert (first.count, first.grown, first.stayed, first.oldest) == (3, 3, 0, 0.0)
    time.sleep(0.01)
    leaked += [leak(event) for _ in range(2)]
    found = inspect.growth()
    assert " in leak" in found[0].spawned_at
    assert (found[0].count, found[0].grown, found[0].stayed) == (5, 2, 3)
    assert found[0].oldest >= 0.01
    assert str(found[0]).startswith("+2 to 5, 3 stayed, oldest 0 s: ")
    assert not [each for each in found if each.spawned_at.endswith(" in passing")]
    event.set()
    greenrt.joinall(leaked)
    last = of("leak")
    assert last is not None
    assert (last.count, last.grown, last.stayed) == (0, -5, 0)
    assert of("leak") is None


def test_from_another_thread() -> None:
    event = greenrt.Event()
    leaked = leak(event)
    greenrt.sleep(0)
    found: list[inspect.Growth | None] = []
    thread = threading.Thread(target=lambda: found.append(of("leak")))
    thread.start()
    thread.join()
    assert found[0] is not None
    assert found[0].count == 1
    event.set()
    leaked.join()
