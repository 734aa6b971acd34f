"""The end of a hub, and of a thread with a hub: greenlets that still wait get HubDestroyed."""

import gc
import threading
import weakref
from typing import Any

import pytest
from greenlet import greenlet as raw_greenlet
from support.child import run_script

import greenrt
from greenrt._hub.current_hub import threads_with_hub
from greenrt._hub.hub import Hub
from greenrt.errors import HubDestroyed, LoopClosed

AT_EXIT = """
import atexit, os, sys, threading
import greenrt

def say(text):
    os.write(1, text.encode() + b" ")

def later():
    say("later")
    hub.loop.timer(1).finalize(lambda timer: say("last"))
    raise ValueError("reported")

hub = greenrt.get_hub()
timer, waited = hub.loop.timer(1000), hub.loop.timer(1000)
waiter = greenrt.spawn(hub.wait, waited)
idle = greenrt.spawn(greenrt.sleep, 1000)
greenrt.sleep(0)
timer.finalize(lambda timer: say("finalized"))
thread = threading.Thread(target=waited.finalize, args=(lambda _: say(type(waiter.exception).__name__),))
thread.start()
atexit.register(hub.loop.proxy().post, later)
if sys.argv[1:]:
    # It does not wait for an endless one.
    def again():
        hub.loop.run_callback(again)
    hub.loop.run_callback(again)
say("end")
"""


@pytest.mark.parametrize("arguments", [[], ["endless"]])
def test_what_is_due_at_the_end_of_the_process_is_run(arguments: list[str]) -> None:
    out, errors = run_script(AT_EXIT, *arguments)
    assert sorted(out.split()) == ["Finalized", "end", "finalized", "last", "later"]
    assert errors.count("ValueError: reported") == 1
    assert "atexit" not in errors


def run_thread(body: Any) -> None:
    """Run `body` in a native thread with its own hub, and wait until the thread ends."""
    raised: list[BaseException] = []

    def run() -> None:
        greenrt.get_hub()
        try:
            body()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def wait_for(event: Any, seen: list[Any]) -> None:
    try:
        event.wait()
        seen.append("woken")
    except BaseException as error:
        seen.append((type(error), threading.get_ident()))
        raise
    finally:
        seen.append("cleaned up")


@pytest.mark.parametrize("spawn", ["spawn", "spawn_raw", "greenlet"])
def test_what_is_parked_gets_hub_destroyed_on_its_thread(spawn: str) -> None:
    event, seen, idents, left = greenrt.Event(), [], [], []

    def body() -> None:
        idents.append(threading.get_ident())
        if spawn == "greenlet":
            raw = raw_greenlet(wait_for, parent=greenrt.get_hub())
            greenrt.get_hub().loop.run_callback(raw.switch, event, seen)
        else:
            raw = getattr(greenrt, spawn)(wait_for, event, seen)
        greenrt.sleep(0)
        left.append(weakref.ref(raw))

    run_thread(body)
    assert seen == [(HubDestroyed, idents[0]), "cleaned up"]
    gc.collect()
    assert left[0]() is None
    # The event's list of waiters is empty, so this wakes no greenlet.
    event.set()


def test_the_clean_up_may_wait_a_little() -> None:
    seen: list[str] = []

    def slow() -> None:
        try:
            greenrt.sleep(100)
        finally:
            greenrt.sleep(0.01)
            seen.append("cleaned up")
            greenrt.spawn(greenrt.sleep, 100)

    run_thread(lambda: (greenrt.spawn(slow), greenrt.sleep(0)))
    assert seen == ["cleaned up"]


def test_what_has_not_started_never_does_and_its_waiters_wake() -> None:
    seen: list[int] = []
    made: list[Any] = []

    def body() -> None:
        made.append(greenrt.spawn(seen.append, 1))
        made.append(greenrt.spawn_later(100, seen.append, 2))

    run_thread(body)
    for one in made:
        assert isinstance(one.get(timeout=5), HubDestroyed)
    assert seen == []


def test_yielding_greenlets_end_too() -> None:
    turns: list[int] = []

    def spin() -> None:
        while True:
            greenrt.sleep(0)
            turns.append(1)

    made: list[Any] = []

    def body() -> None:
        made.append(greenrt.spawn(spin))
        while not turns:
            greenrt.sleep(0.001)

    run_thread(body)
    assert isinstance(made[0].get(timeout=5), HubDestroyed)


def test_who_refuses_to_end_is_given_up_and_named() -> None:
    # This runs in its own process, because that greenlet can't be freed.
    _, errors = run_script("""
        import threading
        import greenrt

        told = []
        def stubborn():
            while len(told) < 100:
                try:
                    greenrt.sleep(100)
                except greenrt.GreenletExit:
                    told.append(1)

        thread = threading.Thread(target=lambda: (greenrt.spawn(stubborn), greenrt.sleep(0)))
        thread.start()
        thread.join()
        assert 1 < len(told) < 100
    """)
    assert "1 greenlets that caught HubDestroyed" in errors
    assert "stubborn" in errors


def test_an_error_in_the_clean_up_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        try:
            greenrt.sleep(100)
        finally:
            raise ValueError("in the clean-up")

    seen: list[Any] = []
    run_thread(
        lambda: (greenrt.spawn(fails), greenrt.spawn(wait_for, greenrt.Event(), seen), greenrt.sleep(0))
    )
    assert "in the clean-up" in capfd.readouterr().err
    assert seen[-1] == "cleaned up"


def test_destroy_tells_them_as_well() -> None:
    event, seen = greenrt.Event(), []

    def body() -> None:
        old = greenrt.get_hub()
        greenrt.spawn(wait_for, event, seen)
        greenrt.sleep(0)
        old.destroy()
        assert seen == [(HubDestroyed, threading.get_ident()), "cleaned up"]
        assert greenrt.get_hub() is not old

    run_thread(body)


def test_a_start_that_meets_the_end_of_the_thread() -> None:
    """A greenlet that another thread starts here runs, gets HubDestroyed or raises LoopClosed; no waiter hangs."""
    ends: set[str] = set()
    for rounds in range(1000):
        if rounds >= 30 and ends >= {"int", "LoopClosed"}:
            break
        made: list[Any] = []

        def body(made: list[Any] = made) -> None:
            made.extend(greenrt.Greenlet(int) for _ in range(500))
            greenrt.sleep(0.001)

        thread = threading.Thread(target=body)
        thread.start()
        while len(made) < 500:
            greenrt.sleep(0)
        for one in made:
            try:
                one.start()
            except LoopClosed:
                ends.add("LoopClosed")
            else:
                ends.add(type(one.get(timeout=5)).__name__)
        thread.join()
    assert ends >= {"int", "LoopClosed"}
    assert ends <= {"int", "LoopClosed", "HubDestroyed"}


def test_hubs_go_with_their_threads() -> None:
    """After many threads with hubs, no hub, file descriptor, thread-local or greenlet remains."""

    def count() -> tuple[int, int]:
        gc.collect()
        found = [type(thing) for thing in gc.get_objects()]
        return found.count(Hub), len(found)

    def body() -> None:
        greenrt.spawn(greenrt.sleep, 100)
        greenrt.spawn(greenrt.sleep, 0).join()

    run_thread(body)
    hubs, things = count()
    for _ in range(50):
        run_thread(body)
    assert count()[0] == hubs
    # There is less than one new object for each thread.
    assert count()[1] < things + 40
    assert len(threads_with_hub) <= 1


def test_a_thread_that_ends_while_its_hub_is_collected() -> None:
    """The hub refers to the thread's main greenlet, which must not be freed during the collection."""
    run_script(
        """
        import gc, threading, time
        import greenrt

        class Slow:
            def __del__(self):
                # In the middle of the collection the thread ends, and greenlet cleans up after it.
                go.set()
                time.sleep(0.1)

        def body():
            hub = greenrt.get_hub()
            hub.slow = slow = Slow()
            slow.hub = hub
            hub.destroy()
            del hub, slow
            ready.set()
            go.wait()

        for _ in range(3):
            go, ready = threading.Event(), threading.Event()
            thread = threading.Thread(target=body)
            thread.start()
            ready.wait()
            time.sleep(0.01)
            gc.collect()
            assert go.is_set()
            thread.join()
        gc.collect()
        """,
        PYTHONMALLOC="debug",
    )
