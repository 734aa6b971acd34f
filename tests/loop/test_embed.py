"""Another event loop inside a loop."""

import os
import time
from collections import deque
from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest
from support.child import run_script

import greenrt
from greenrt._loop.loop import Loop
from greenrt.green import socket
from greenrt.serve import StreamServer

FRAME = 1 / 60


class Toolkit:
    """The loop of a GUI toolkit, with Tk's contract: `do_one_event` handles one event, and returns whether it did."""

    def __init__(self) -> None:
        self.events: deque[Callable[[], object]] = deque()
        self.timers: list[tuple[float, Callable[[], object]]] = []
        self.polls = 0

    def after(self, seconds: float, function: Callable[[], object]) -> None:
        self.timers.append((time.monotonic() + seconds, function))

    def do_one_event(self) -> bool:
        self.polls += 1
        now = time.monotonic()
        for timer in self.timers:
            if timer[0] <= now:
                self.timers.remove(timer)
                timer[1]()
                return True
        if self.events:
            self.events.popleft()()
            return True
        return False


def echo(connection: socket.socket, address: Any) -> None:
    while data := connection.recv(100):
        connection.sendall(data)


def test_a_gui_beside_a_busy_server(hub: greenrt.Hub) -> None:
    """60 frames a second while 100 connections echo as fast as they can; neither side starves the other."""
    toolkit, frames, trips = Toolkit(), [], []
    started = time.monotonic()

    def draw() -> None:
        frames.append(time.monotonic())
        toolkit.after(FRAME, draw)

    def talk(address: Any) -> None:
        with socket.create_connection(address) as client:
            while time.monotonic() < started + 1.5:
                client.sendall(b"x")
                assert client.recv(1) == b"x"
                trips.append(1)

    toolkit.after(0, draw)
    with hub.loop.embed() as gui, StreamServer(("127.0.0.1", 0), echo) as server:
        gui.start(toolkit.do_one_event)
        greenrt.joinall([greenrt.spawn(talk, server.address) for _ in range(100)], raise_error=True)
    # A frame is due 1/60 s after the last one was drawn, and the check runs every 1/60 s. That makes 45 frames on an
    # idle machine, and 10 where five processes compete for each core.
    assert len(frames) > 5
    assert len(trips) > 500


def test_events_are_done_at_once_and_in_between_it_sleeps(loop: Loop) -> None:
    toolkit, seen = Toolkit(), []
    for number in range(1000):
        toolkit.events.append(lambda number=number: seen.append(number))
    with loop.embed(interval=0.05) as gui:
        gui.start(toolkit.do_one_event)
        loop.stop(0.5)
        assert loop.run() == "stopped"
    assert seen == list(range(1000))
    # One call for each event, one that found no further event, and then one call each 50 ms.
    assert toolkit.polls <= 1000 + 1 + 10


def test_other_callbacks_come_between_two_events(loop: Loop) -> None:
    order: list[str] = []

    def event() -> bool:
        order.append("event")
        if len(order) < 10:
            loop.run_callback(order.append, "callback")
        return len(order) < 10

    with loop.embed(interval=inf) as gui:
        gui.start(event)
        while order.count("event") < 6:
            loop.run(once=True)
    assert order == ["event", "callback"] * 5 + ["event"]


def test_the_fd_of_a_toolkit(loop: Loop) -> None:
    reader, writer = os.pipe()
    seen: list[bytes] = []

    def poll() -> None:
        os.set_blocking(reader, False)
        try:
            seen.append(os.read(reader, 100))
        except BlockingIOError:
            seen.append(b"")

    with loop.embed(reader, inf) as gui:
        gui.start(poll)
        loop.run(once=True)
        for word in (b"one", b"two"):
            os.write(writer, word)
            while seen[-1] != word:
                loop.run(once=True)
        assert seen == [b"", b"one", b"two"]
        # The toolkit has closed the fd: the callback runs once, and continues at its interval.
        loop.fds.forget(reader)
        os.close(reader)
        gui.feed(0, seen.append, b"fed")
        loop.run(nowait=True)
        assert seen == [b"", b"one", b"two", b"fed"]
        assert gui.active
        assert gui.fd is None
    os.close(writer)


def test_an_error_does_not_end_it(loop: Loop, errors: list[BaseException]) -> None:
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise KeyError("a button")

    with loop.embed(interval=0.01) as gui:
        gui.start(fail)
        while len(calls) < 3:
            loop.run(once=True)
        gui.stop()
        assert loop.run() == "idle"
    assert [type(error) for error in errors] == [KeyError] * 3


def test_it_ends_itself(loop: Loop) -> None:
    calls: list[int] = []

    def poll() -> bool:
        calls.append(1)
        if len(calls) == 3:
            gui.stop()
        return True

    gui = loop.embed()
    gui.start(poll)
    assert loop.run() == "idle"
    assert len(calls) == 3


def test_started_again_with_another_callback(loop: Loop) -> None:
    calls: list[str] = []
    with loop.embed(interval=0.01, ref=False, priority=1) as gui:
        gui.start(calls.append, "one")
        gui.start(calls.append, "two")
        assert loop.run() == "idle"
        loop.run(nowait=True)
        loop.stop(0.1)
        loop.run()
    assert calls[:2] == ["two", "two"]


@pytest.mark.parametrize("interval", [0, -1, nan])
def test_bad_intervals(loop: Loop, interval: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        loop.embed(interval=interval)


def test_an_fd_that_is_not_open(loop: Loop) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    gui = loop.embed(reader)
    with pytest.raises(OSError, match="9"):
        gui.start(print)
    assert not gui.active
    with pytest.raises(TypeError, match="callable"):
        gui.start(None)
    assert loop.run() == "idle"


def test_tcl() -> None:
    """The loop of tkinter, whose timers need no display. It runs in another process, since Tcl keeps a thread."""
    pytest.importorskip("tkinter")
    run_script(
        """
        import tkinter
        from greenrt._loop.loop import Loop
        loop, tcl, ticks = Loop(), tkinter.Tcl(), []
        def tick():
            ticks.append(1)
            if len(ticks) < 10:
                tcl.after(5, tick)
            else:
                gui.stop()
        tcl.after(5, tick)
        gui = loop.embed()
        gui.start(tcl.tk.dooneevent, tkinter._tkinter.DONT_WAIT)
        assert loop.run() == "idle"
        assert len(ticks) == 10
        """
    )
