"""Instruments: their methods are called at what greenlets do, and cost nothing when no instrument is there."""

import logging
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import greenlet
import pytest
from support.child import run_script
from support.switches import STRAIGHT, hub_switches

import greenrt
from greenrt import _log, inspect
from greenrt.green import socket


class Recorder(inspect.Instrument):
    """Records the events of the greenlets with a name of their own."""

    def __init__(self) -> None:
        self.events: list[tuple[str, ...]] = []

    def _note(self, event: str, target: Any, *more: str) -> None:
        name = getattr(target, "name", "Greenlet-")
        if not name.startswith("Greenlet-"):
            self.events.append((event, name, *more))

    def spawned(self, target: Any) -> None:
        self._note("spawned", target)

    def started(self, target: Any) -> None:
        self._note("started", target)

    def ended(self, target: Any) -> None:
        self._note("ended", target)

    def parked(self, target: Any, what: object) -> None:
        self._note("parked", target, type(what).__name__)

    def woken(self, target: Any) -> None:
        self._note("woken", target)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    inspect.add_instrument(made)
    yield made
    inspect.remove_instrument(made)
    assert greenlet.gettrace() is None


def spawn(name: str, function: Any, *args: Any) -> "greenrt.Greenlet[Any]":
    target: greenrt.Greenlet[Any] = greenrt.Greenlet(function, *args)
    target.name = name
    target.start()
    return target


def test_the_life_of_a_greenlet(recorder: Recorder) -> None:
    event = greenrt.Event()

    def life() -> None:
        greenrt.sleep(0)
        event.wait()

    target = spawn("one", life)
    greenrt.sleep(0)
    greenrt.sleep(0)
    event.set()
    target.join()
    assert recorder.events == [
        ("spawned", "one"),
        ("started", "one"),
        ("parked", "one", "Event"),
        ("woken", "one"),
        ("ended", "one"),
    ]


def test_timers_fds_and_other_threads_wake_greenlets(recorder: Recorder) -> None:
    one, other = socket.socketpair()
    event = greenrt.Event()
    targets = [
        spawn("sleeping", greenrt.sleep, 0.001),
        spawn("reading", one.recv, 1),
        spawn("waiting", event.wait),
    ]
    greenrt.sleep(0)
    other.send(b"x")
    thread = threading.Thread(target=event.set)
    thread.start()
    thread.join()
    greenrt.joinall(targets)
    for name in ("sleeping", "reading", "waiting"):
        assert [each[0] for each in recorder.events if each[1] == name] == [
            "spawned",
            "started",
            "parked",
            "woken",
            "ended",
        ]
    one.close()
    other.close()


def test_switches_are_pairs() -> None:
    seen: list[tuple[Any, Any]] = []

    class Switches(inspect.Instrument):
        def switched(self, origin: Any, target: Any) -> None:
            seen.append((origin, target))

    instrument = Switches()
    inspect.add_instrument(instrument)
    try:
        target = greenrt.spawn(greenrt.sleep, 0)
        target.join()
    finally:
        inspect.remove_instrument(instrument)
    assert all(one[1] is other[0] for one, other in pairwise(seen))
    assert target in [pair[1] for pair in seen]
    count = len(seen)
    greenrt.sleep(0.001)
    assert len(seen) == count


def test_only_the_methods_that_are_overridden_cost_something() -> None:
    class Stalls(inspect.Instrument):
        def __init__(self) -> None:
            self.seen: list[inspect.Stall] = []

        def stalled(self, stall: inspect.Stall) -> None:
            self.seen.append(stall)

    loop = greenrt.get_hub().loop
    before = loop.ready
    instrument = Stalls()
    inspect.add_instrument(instrument)
    inspect.add_instrument(instrument)
    try:
        assert greenlet.gettrace() is None
        assert loop.ready is before
        with inspect.watch(0.05) as watch:

            def blocks() -> None:
                while not watch.stalls:
                    time.sleep(0.05)

            greenrt.spawn(blocks).join()
            while not watch.stalled:
                greenrt.sleep(0.01)
    finally:
        inspect.remove_instrument(instrument)
    assert instrument.seen
    assert not instrument.seen[0].busy


def test_one_that_fails_is_removed(caplog: pytest.LogCaptureFixture) -> None:
    class Fails(inspect.Instrument):
        def started(self, target: Any) -> None:
            raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "greenrt"):
        inspect.add_instrument(Fails())
        assert greenrt.spawn(lambda: 7).get() == 7
        assert greenlet.gettrace() is None
        assert _log.flush(10)
    assert "is removed, since started() raised ZeroDivisionError()" in caplog.text


def test_what_is_no_instrument() -> None:
    with pytest.raises(TypeError, match="not <class"):
        inspect.add_instrument(Recorder)  # type: ignore[arg-type]
    inspect.remove_instrument(Recorder())


def test_hubs_of_other_threads_old_and_new() -> None:
    recorder = Recorder()
    ready, go, added = threading.Event(), threading.Event(), threading.Event()

    def old() -> None:
        greenrt.sleep(0)
        ready.set()
        go.wait()
        greenrt.sleep(0.01)
        spawn("old", greenrt.sleep, 0).join()
        added.set()

    def new() -> None:
        greenrt.get_hub()
        spawn("new", greenrt.sleep, 0).join()

    thread = threading.Thread(target=old)
    thread.start()
    ready.wait()
    inspect.add_instrument(recorder)
    try:
        go.set()
        thread.join()
        thread = threading.Thread(target=new)
        thread.start()
        thread.join()
    finally:
        inspect.remove_instrument(recorder)
    for name in ("old", "new"):
        assert ("started", name) in recorder.events
        assert ("ended", name) in recorder.events


def test_a_trace_function_of_the_program_stays(recorder: Recorder) -> None:
    inspect.remove_instrument(recorder)
    seen: list[object] = []
    before = greenlet.settrace(lambda event, switch: seen.append(event))
    inspect.add_instrument(recorder)
    spawn("one", int).join()
    inspect.remove_instrument(recorder)
    greenlet.settrace(before)
    assert seen
    assert ("started", "one") in recorder.events


def test_with_a_seeded_run_queue() -> None:
    run_script(
        """
        import greenrt
        from greenrt import inspect
        woken = []
        class Wakes(inspect.Instrument):
            def woken(self, target):
                woken.append(target)
        inspect.add_instrument(Wakes())
        event = greenrt.Event()
        waiting = [greenrt.spawn(event.wait) for _ in range(100)]
        greenrt.sleep(0)
        event.set()
        greenrt.joinall(waiting)
        assert set(waiting) <= set(woken)
        """,
        GREENRT_SEED="7",
    )


def test_a_child_of_a_fork_forgets_the_watched_hubs_of_other_threads() -> None:
    run_script("""
        import threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        import greenrt
        from greenrt import inspect
        from support.forking import check, fork
        from support.switches import STRAIGHT, hub_switches
        class Recorder(inspect.Instrument):
            def woken(self, target): pass
        def take_turns():
            greenrt.joinall([greenrt.spawn(lambda: [greenrt.sleep(0) for _ in range(20)]) for _ in range(3)])
        def is_straight():
            return hub_switches(take_turns) <= 8
        hubs, ready, adapted, end = [], greenrt.Event(), greenrt.Event(), greenrt.Event()
        def run_a_hub():
            hubs.append(greenrt.get_hub())
            ready.set()
            end.wait()
        thread = threading.Thread(target=run_a_hub, daemon=True)
        thread.start()
        ready.wait()
        recorder = Recorder()
        inspect.add_instrument(recorder)
        # The other hub adapts to the instrument before it makes this later call.
        hubs[0].loop.run_callback_threadsafe(adapted.set)
        adapted.wait()
        def child():
            assert not is_straight()
            inspect.remove_instrument(recorder)
            assert is_straight() is STRAIGHT
        check(fork(child))
        inspect.remove_instrument(recorder)
        end.set()
        thread.join()
        assert is_straight() is STRAIGHT
    """)


def test_what_a_watched_hub_of_another_thread_slows_down_ends_with_it() -> None:
    """While a run queue is Python code, greenlets switch by way of the hub: three times as many switches."""

    def take_turns() -> None:
        greenrt.joinall([greenrt.spawn(lambda: [greenrt.sleep(0) for _ in range(20)]) for _ in range(3)])

    recorder = Recorder()
    inspect.add_instrument(recorder)
    for end in (lambda: None, lambda: greenrt.get_hub().destroy(), lambda: greenrt.get_hub().loop.close()):
        thread = threading.Thread(target=lambda end=end: (greenrt.sleep(0.001), end()))
        thread.start()
        thread.join()
    inspect.remove_instrument(recorder)
    assert (hub_switches(take_turns) <= 8) is STRAIGHT
