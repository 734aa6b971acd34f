"""The watchdog: a hub that has not polled for too long is logged, with what holds it up."""

import logging
import re
import threading
import time
from typing import Any

import pytest
from support.child import run_script

import greenrt
from greenrt import _log, _original, inspect
from greenrt.inspect import stall
from greenrt.inspect.remedies import REMEDIES, remedy_for

LIMIT = 0.1


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that returns the messages so far."""

    def messages() -> list[str]:
        assert _log.flush(10)
        return [record.getMessage() for record in caplog.records if record.name == "greenrt"]

    with caplog.at_level(logging.WARNING, "greenrt"):
        yield messages


def progress_in(watch: inspect.Watch) -> Any:
    """Return what a watchdog knows of the hub of this thread, as soon as it has seen the hub."""
    while threading.get_ident() not in watch._hubs:
        greenrt.sleep(0.01)
    return watch._hubs[threading.get_ident()]


# On a busy machine, the watchdog counts only a part of the time. These stalls last until it has reported them twice.


def waits_in_c(watch: inspect.Watch) -> None:
    progress, give_up = progress_in(watch), time.monotonic() + 20
    while progress.reported < 3 * LIMIT and time.monotonic() < give_up:
        time.sleep(LIMIT)


def computes(watch: inspect.Watch) -> None:
    progress, give_up = progress_in(watch), time.monotonic() + 20
    while progress.reported < 3 * LIMIT and time.monotonic() < give_up:
        pass


def wait_for_end(watch: inspect.Watch) -> None:
    """Park until the watchdog has noticed the end of a stall."""
    while not watch.stalled:
        greenrt.sleep(0.01)


@pytest.mark.parametrize(("function", "what"), [(waits_in_c, "waits in C"), (computes, "computes")])
def test_a_stall_is_logged_at_growing_intervals_and_at_its_end(logged: Any, function: Any, what: str) -> None:
    with inspect.watch(LIMIT) as watch:
        target = greenrt.spawn(function, watch)
        target.name = "culprit"
        target.join()
        wait_for_end(watch)
    first, *more, last = logged()
    assert more
    for message in (first, *more):
        head, spawned, place, remedy = message.splitlines()
        assert "(MainThread)" in head.replace("'", "")
        assert f"culprit ({function.__name__}) {what}" in head
        assert __file__ in spawned
        assert place.endswith(f" in {function.__name__}")
        assert "remedy: " in remedy
    assert "polls again" in last
    assert watch.stalls == 1
    assert 3 * LIMIT < watch.longest == watch.stalled


def test_the_log_has_it_during_the_stall() -> None:
    """A greenlet that never returns is reported all the same."""
    _, errors = run_script(
        """
        import os, threading, time
        import greenrt
        from greenrt import _original
        def endless():
            while True:
                pass
        greenrt.spawn(endless)
        def end():
            _original.sleep(2)
            os._exit(0)
        _original.start_new_thread(end, ())
        greenrt.sleep(10)
        """,
        GREENRT_WATCHDOG="0.2",
    )
    assert "(endless) computes" in errors
    assert "in endless" in errors


def test_a_blocked_callback_of_the_hub(logged: Any) -> None:
    with inspect.watch(LIMIT) as watch:

        def blocks() -> None:
            while not watch.stalls:
                time.sleep(LIMIT)

        greenrt.get_hub().loop.run_callback(blocks)
        wait_for_end(watch)
    assert "a callback in the hub waits in C" in logged()[0]


def test_a_hub_that_polls_or_that_nothing_waits_for_has_not_stalled(logged: Any) -> None:
    # On a busy machine, this thread may not run for as long as LIMIT.
    limit = 5 * LIMIT
    with inspect.watch(limit) as watch:
        # The hub sleeps in its poll.
        greenrt.sleep(2 * limit)
        # Nothing waits for this thread.
        time.sleep(2 * limit)
        # A busy hub polls all the same.
        until = time.monotonic() + 2 * limit
        while time.monotonic() < until:
            greenrt.sleep(0)
    assert watch.stalls == 0
    assert logged() == []


def test_a_stopped_process_has_not_stalled() -> None:
    out, errors = run_script(
        """
        import os, signal, subprocess, sys, time
        import greenrt
        from greenrt import inspect
        watch = inspect.watch(0.4)
        def stop():
            # Continue after longer than the limit.
            child = subprocess.Popen(["sh", "-c", f"sleep 1.5; kill -CONT {os.getpid()}"])
            os.kill(os.getpid(), signal.SIGSTOP)
            child.wait()
        greenrt.spawn_later(60, print)
        greenrt.spawn(stop).join()
        print(watch.stalls, flush=True)
        os._exit(0)
        """
    )
    assert out == "0\n"
    assert "polled" not in errors


def test_a_call_that_holds_the_gil_is_noticed() -> None:
    out, errors = run_script(
        """
        import time
        import greenrt
        from greenrt import inspect
        watch = inspect.watch(0.1)
        def holds():
            began = time.monotonic()
            max(range(15_000_000))
            print(time.monotonic() - began)
            # The watchdog gets the GIL now, and looks before this greenlet ends.
            end = time.monotonic() + 20
            while not watch.stalls and time.monotonic() < end:
                pass
        # The watchdog gets to know the hub.
        end = time.monotonic() + 20
        while not watch._hubs and time.monotonic() < end:
            greenrt.sleep(0.01)
        greenrt.spawn(holds).join()
        watch.close()
        """,
    )
    # If the hub has polled since the last look, the watchdog can't tell whether it has polled again meanwhile.
    found = re.search(r"has not polled for ([\d.]+) s: .*\(holds\) computes", errors) or re.search(
        r"polls again after about ([\d.]+) s, in which a C function kept the GIL", errors
    )
    assert found is not None, errors
    # The time without the GIL counts.
    assert float(found[1]) > float(out) / 2


def test_a_stall_that_ends_while_it_is_looked_at_is_put_down_to_no_other_greenlet(monkeypatch: Any) -> None:
    ended = threading.Event()
    running_in = stall.running_in

    def late(*args: Any) -> Any:
        ended.set()
        # The hub has time to end the stall, and the main greenlet to run.
        while not resumed:
            _original.sleep(0.001)
        return running_in(*args)

    def holds() -> None:
        while not ended.is_set():
            pass

    resumed: list[bool] = []
    seen: list[inspect.Stall] = []

    class Listener(inspect.Instrument):
        def stalled(self, stall: inspect.Stall) -> None:
            seen.append(stall)

    monkeypatch.setattr(stall, "running_in", late)
    listener = Listener()
    inspect.add_instrument(listener)
    try:
        with inspect.watch(LIMIT):
            greenrt.spawn(holds).join()
            resumed.append(True)
            while not seen:
                greenrt.sleep(0.01)
    finally:
        inspect.remove_instrument(listener)
    assert seen[0].over
    assert seen[0].greenlet is None
    assert "what ran until a moment ago computed" in str(seen[0])
    assert "holds\n" in str(seen[0])


def test_forks_and_the_exit_see_no_thread() -> None:
    """CPython 3.12 and later warn of a fork in a process with several threads; here warnings are errors."""
    out, errors = run_script(
        """
        import warnings
        warnings.simplefilter("error")
        import faulthandler, os, threading, time
        import greenrt
        from greenrt import inspect, _original
        # The thread of the time limit, which the parent has too.
        faulthandler.cancel_dump_traceback_later()
        watch = inspect.watch(0.2)
        names = [thread.name for thread in threading.enumerate()]
        assert names == ["MainThread"], names
        for _ in range(20):
            alone = len(os.listdir("/proc/self/task"))
            pid = os.fork()
            if not pid:
                greenrt.spawn(_original.sleep, 0.8).join()
                greenrt.sleep(0.3)
                os._exit(watch.stalls)
            if _ == 0:
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
            else:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
            greenrt.sleep(0.001)
            assert len(os.listdir("/proc/self/task")) == alone
        greenrt.spawn(_original.sleep, 0.5).join()
        greenrt.sleep(0.3)
        print(watch.stalls)
        """
    )
    assert out == "1\n"
    assert "Warning" not in errors


@pytest.mark.parametrize(
    "end", ["pass", "sys.exit(0)", "raise SystemExit", "greenrt.spawn(sys.exit); greenrt.sleep(1)"]
)
def test_the_interpreter_ends(end: str) -> None:
    run_script(f"import sys, greenrt\ngreenrt.sleep(0)\n{end}", GREENRT_WATCHDOG="0.001")


def test_many_short_pauses_disturb_no_deadlock_detection() -> None:
    _, errors = run_script("import greenrt; greenrt.Event().wait()", code=1, GREENRT_WATCHDOG="0.01")
    assert "LoopExit" in errors


def test_patching_takes_no_notice() -> None:
    run_script(
        """
        import greenrt
        greenrt.sleep(0)
        import queue, threading
        kept = queue.SimpleQueue()
        from greenrt import monkey
        monkey.patch_all()
        assert "native threads started" not in str(monkey.report()), monkey.report()
        import time
        time.sleep(0.3)
        """,
        GREENRT_WATCHDOG="0.05",
    )


@pytest.mark.parametrize("value", ["fast", "-1", "nan", "inf"])
def test_an_invalid_variable(value: str) -> None:
    _, errors = run_script("import greenrt; greenrt.sleep(0)", code=1, GREENRT_WATCHDOG=value)
    assert errors.splitlines()[-1].startswith(f"ValueError: GREENRT_WATCHDOG is '{value}'")


def test_zero_is_no_watchdog() -> None:
    run_script(
        "import sys, greenrt; greenrt.sleep(0); assert 'greenrt.inspect' not in sys.modules",
        GREENRT_WATCHDOG="0",
    )


@pytest.mark.parametrize(
    ("value", "error"), [("1", TypeError), (0, ValueError), (-1.0, ValueError), (None, TypeError)]
)
def test_bad_limits(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        inspect.watch(value)


def test_close_is_idempotent_and_each_watch_has_its_own_limit() -> None:
    one, other = inspect.watch(LIMIT), inspect.watch(100)
    greenrt.spawn(waits_in_c, one).join()
    wait_for_end(one)
    assert (one.stalls, other.stalls) == (1, 0)
    for watch in (one, other, one):
        watch.close()
    assert repr(one).endswith("of 0.1 s, closed>")


def test_a_hub_in_another_thread(logged: Any) -> None:
    def run() -> None:
        greenrt.spawn(waits_in_c, watch).join()
        wait_for_end(watch)
        greenrt.get_hub().destroy()

    with inspect.watch(LIMIT) as watch:
        thread = threading.Thread(target=run, name="other thread")
        thread.start()
        thread.join()
    assert "other thread" in logged()[0]


def frame_of(text: str, name: str) -> Any:
    """Return the frame of a function that `text` defines, in a module of this name."""
    names: dict[str, Any] = {"__name__": name}
    exec(text + "\nimport sys\ndef get(): return sys._getframe()\n", names)
    return names["get"]()


def test_the_remedy_is_that_of_the_module_that_waits() -> None:
    assert remedy_for(frame_of("", "grpc._channel")) == f"grpc: {REMEDIES['grpc']}"
    assert remedy_for(frame_of("", "mysql.connector")) == f"_mysql_connector: {REMEDIES['_mysql_connector']}"
    assert (
        remedy_for(frame_of("import sqlite3", "mine")) == f"if _sqlite3 is what waits: {REMEDIES['_sqlite3']}"
    )
    assert remedy_for(frame_of("", "mine")) == ""
    assert remedy_for(None) == ""


def test_the_remedy_is_logged(logged: Any) -> None:
    with inspect.watch(LIMIT) as watch:
        names: dict[str, Any] = {"__name__": "mine", "limit": LIMIT}
        exec("import sqlite3, time\ndef asks(): time.sleep(3 * limit)", names)
        greenrt.spawn(names["asks"]).join()
        wait_for_end(watch)
    assert REMEDIES["_sqlite3"] in logged()[0]
