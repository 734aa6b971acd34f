"""A loop whose `debug` is true logs mistakes."""

import os
import threading
import time

import pytest
from greenlet import gettrace, settrace
from support.child import run_script

import greenrt
from greenrt import _log
from greenrt._events import READ
from greenrt._loop import debug
from greenrt._loop.loop import Loop
from greenrt.errors import WrongThread


def slow() -> None:
    time.sleep(0.12)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert _log.flush(10)
    return [record.getMessage() for record in caplog.records if record.name == "greenrt"]


def test_slow_callbacks_are_named(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.debug = True
    loop.run_callback(slow)
    loop.timer(0).start(slow)
    loop.run_callback(lambda: None)
    loop.run()
    first, second = logged(caplog)
    assert "the callback <function slow at" in first
    assert f"({__file__}:" in first
    assert "of a Callback took" in first
    assert "of a Timer took" in second


@pytest.mark.parametrize("kind", ["prepare", "check"])
def test_slow_hooks(loop: Loop, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    loop.debug = True
    with getattr(loop, kind)() as hook:
        hook.start(slow)
        loop.run(nowait=True)
    (text,) = logged(caplog)
    assert "of a Hook took" in text


def test_a_slow_callback_that_raises(
    loop: Loop, errors: list[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    class Awkward:
        def __call__(self) -> None:
            slow()
            raise KeyError("mine")

        def __repr__(self) -> str:
            raise ValueError("no name")

    loop.debug = True
    loop.run_callback(Awkward())
    loop.run()
    assert [type(error) for error in errors] == [KeyError]
    (text,) = logged(caplog)
    assert "whose repr() raised ValueError" in text


def test_in_the_hub(hub: greenrt.Hub, caplog: pytest.LogCaptureFixture) -> None:
    hub.loop.debug = True
    try:
        hub.loop.run_callback(slow)
        greenrt.sleep(0)
        greenrt.sleep(0)
    finally:
        hub.loop.debug = False
    assert any("the callback <function slow" in text for text in logged(caplog))


def test_slow_greenlets_are_named(hub: greenrt.Hub, caplog: pytest.LogCaptureFixture) -> None:
    def work() -> None:
        slow()
        greenrt.sleep(0)
        slow()

    def rest() -> None:
        # A long wait is not a long run.
        greenrt.sleep(0.12)

    before = gettrace()
    hub.loop.debug = True
    try:
        working = greenrt.spawn(work)
        resting = greenrt.spawn(rest)
        greenrt.joinall([working, resting])
        slow()
        greenrt.sleep(0)
    finally:
        hub.loop.debug = False
    assert gettrace() is before
    texts = [text for text in logged(caplog) if "without a switch" in text]
    first, second = (text for text in texts if f'"{working.name}"' in text)
    assert f"{__file__}:" in first.split("spawned at")[1]
    assert "in test_slow_greenlets_are_named.<locals>.work;" in first
    assert "until its end;" in second
    assert any(text.startswith("the main greenlet ran for") for text in texts)


def test_a_trace_function_that_was_there_goes_on(hub: greenrt.Hub) -> None:
    seen = []
    before = settrace(lambda event, switch: seen.append(event))
    try:
        hub.loop.debug = True
        greenrt.spawn(int).join()
        hub.loop.debug = False
        assert "switch" in seen
        del seen[:]
        greenrt.sleep(0)
        greenrt.spawn(int).join()
        assert "switch" in seen
    finally:
        settrace(before)


def test_the_end_of_a_hub_ends_its_traces() -> None:
    found = []

    def body() -> None:
        hub = greenrt.get_hub()
        hub.loop.debug = True
        found.append(gettrace())
        hub.destroy()
        found.append(gettrace())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    traced, left = found
    assert traced is not None
    assert left is None


def test_it_can_be_switched_at_any_time(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    assert not loop.debug
    loop.run_callback(slow)
    loop.run()
    assert logged(caplog) == []
    loop.run_callback(setattr, loop, "debug", True)
    loop.run()
    assert loop.debug
    loop.run_callback(slow)
    loop.run()
    assert len(logged(caplog)) == 1
    loop.debug = False
    loop.run_callback(slow)
    loop.run()
    assert len(logged(caplog)) == 1


def test_another_thread_cannot_switch_it(loop: Loop) -> None:
    refused = []

    def switch() -> None:
        try:
            loop.debug = True
        except WrongThread as error:
            refused.append(error)

    thread = threading.Thread(target=switch)
    thread.start()
    thread.join()
    assert "loop.debug" in str(refused[0])


def test_an_fd_that_is_closed_under_its_watcher(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.debug = True
    reader, writer = os.pipe()
    watcher = loop.io(reader, READ)
    watcher.start(print)
    loop.run(nowait=True)
    os.close(reader)
    for _ in range(3):
        loop.run(nowait=True)
    (text,) = logged(caplog)
    assert f"fd {reader} was closed while [<Io" in text
    watcher.stop()
    os.close(writer)


def test_a_number_that_another_file_has_got(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.debug = True
    reader, writer = os.pipe()
    with loop.io(reader, READ) as watcher:
        watcher.start(print)
        loop.run(nowait=True)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, reader)
        loop.run(nowait=True)
    (text,) = logged(caplog)
    assert f"fd {reader} was closed, and now belongs to another file" in text
    for fd in (reader, writer, null):
        os.close(fd)


def test_a_close_that_is_told_is_no_mistake(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.debug = True
    for _ in range(3):
        reader, writer = os.pipe()
        with loop.io(reader, READ) as watcher:
            watcher.start(lambda: None)
            loop.run(nowait=True)
            loop.fds.forget(reader)
            os.close(reader)
            loop.run(nowait=True)
        os.close(writer)
    assert logged(caplog) == []


def test_idling_for_long(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(debug, "IDLE", 0.01)
    loop.debug = True
    with loop.idle() as watcher:
        watcher.start(lambda: None)
        for _ in range(4):
            loop.run(nowait=True)
            time.sleep(0.02)
    (text,) = logged(caplog)
    assert "which uses a whole processor" in text


def test_off_costs_no_import() -> None:
    run_script(
        """
        import sys, greenrt
        greenrt.sleep(0.01)
        assert "greenrt._loop.debug" not in sys.modules
        assert "greenrt._log" not in sys.modules
        assert "logging" not in sys.modules
        """
    )
