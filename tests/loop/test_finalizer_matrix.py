"""Each state of a watcher x each place of a call x each operation: one finalizer runs, once, at the end."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.threads import in_thread

import greenrt
from greenrt._events import READ
from greenrt._loop.watchers.timer import Timer
from greenrt.errors import Finalized, WrongThread

KINDS = ["timer", "io", "async", "signal", "fork"]
STATES = [
    "stopped",
    "active",
    "pending",
    "running",
    "running and pending",
    "waited for",
    "finalizing",
    "finalized",
]
PLACES = ["the loop's thread", "another finalizer", "a signal handler", "another thread"]
OPERATIONS = ["start", "feed", "stop", "close", "finalize", "finalize at once"]


class Cell:
    """One watcher in one state, with one operation from one place."""

    def __init__(self, hub: Any, watcher: Any, state: str, place: str, operation: str) -> None:
        self.hub = hub
        self.watcher = watcher
        self.state = state
        self.place = place
        self.operation = operation
        self.ended = state in ("finalizing", "finalized")
        self.runs = state.startswith("running")
        self.foreign = place == "another thread"
        self.calls = 0
        self.calls_at_operation: int | None = None
        self.running = False
        self.finals: list[int] = []
        self.answer: Any = None
        self.error: type[BaseException] | None = None
        self.waiter: Any = None

    def callback(self, *_: object) -> None:
        self.calls += 1
        self.running = True
        if self.runs and self.calls_at_operation is None:
            if self.state == "running and pending":
                self.watcher.feed(READ)
            self.reach()
        self.running = False

    def wait(self) -> str:
        try:
            self.hub.wait(self.watcher)
        except Finalized:
            # The greenlet is resumed before the finalizer runs, not only woken up.
            assert not self.finals
            return "Finalized"
        return "happened"

    def final(self, watcher: Any) -> None:
        assert watcher is self.watcher
        assert not self.running
        assert self.waiter is None or self.waiter.dead
        self.finals.append(threading.get_ident())

    def bring_about(self) -> None:
        """Bring the watcher into its state, and perform the operation."""
        watcher = self.watcher
        if self.state in ("active", "pending") or self.runs:
            watcher.start(self.callback)
        if self.state == "pending" or self.runs:
            watcher.feed(READ)
        if self.state == "waited for":
            self.waiter = greenrt.spawn(self.wait)
            greenrt.sleep(0)
            assert watcher.waiter is not None
        if self.ended:
            assert watcher.finalize(self.final, immediate=self.state == "finalized") == bool(self.finals)
        if self.runs:
            self.settle()
        else:
            self.reach()

    def reach(self) -> None:
        """Perform the operation from its place."""
        if self.foreign:
            in_thread(self.operate)
        elif self.place == "another finalizer":
            assert self.hub.loop.timer(1).finalize(lambda _: self.operate(), immediate=True)
        elif self.place == "a signal handler":
            before = signal.signal(signal.SIGUSR1, lambda *_: self.operate())
            signal.raise_signal(signal.SIGUSR1)
            signal.signal(signal.SIGUSR1, before)
        else:
            self.operate()
        assert self.calls_at_operation is not None

    def operate(self) -> None:
        watcher = self.watcher
        work: dict[str, Callable[[], Any]] = {
            "start": lambda: watcher.start(self.callback),
            "feed": lambda: watcher.feed(READ, self.callback),
            "stop": watcher.stop,
            "close": watcher.close,
            "finalize": lambda: watcher.finalize(self.final),
            "finalize at once": lambda: watcher.finalize(self.final, immediate=True),
        }
        assert self.calls_at_operation is None
        self.calls_at_operation = self.calls
        try:
            self.answer = work[self.operation]()
        except Exception as error:
            self.error = type(error)

    def settle(self) -> None:
        turns = self.hub.loop.iteration + 3
        while self.hub.loop.iteration < turns:
            greenrt.sleep(1e-6)

    def expected_error(self) -> type[BaseException] | None:
        if self.operation in ("start", "feed"):
            if self.foreign:
                return WrongThread
            return Finalized if self.ended else None
        return Finalized if self.ended and self.operation.startswith("finalize") else None

    def check(self) -> None:
        watcher = self.watcher
        refs = self.hub.loop.refs
        self.bring_about()
        assert self.error is self.expected_error()
        if self.operation == "finalize at once" and self.error is None:
            at_once = not self.foreign and not self.runs and self.state != "waited for"
            assert self.answer is at_once
            assert bool(self.finals) >= at_once
        elif self.operation == "finalize" and self.error is None:
            assert self.answer is False
        self.settle()
        if self.ended or self.operation.startswith("finalize"):
            assert len(self.finals) == 1
            assert not watcher.active
            assert not watcher.pending
            assert watcher.callback is None
            # Since the operation, or since the finalizer before it, no callback has run.
            assert self.calls == self.calls_at_operation
        elif self.operation in ("stop", "close"):
            assert not watcher.active
            assert not watcher.pending
            if not self.foreign:
                assert self.calls == self.calls_at_operation
        elif self.error is None:
            assert watcher.active or self.operation == "feed"
            assert self.calls > self.calls_at_operation or self.operation == "start"
        self.end()
        assert self.hub.loop.refs == refs

    def end(self) -> None:
        """In any case there is one end, which runs once and leaves nothing behind."""
        watcher = self.watcher
        if self.ended or self.operation.startswith("finalize"):
            with pytest.raises(Finalized):
                watcher.finalize(self.final)
        else:
            assert not self.finals
            watcher.finalize(self.final)
        calls = self.calls
        self.settle()
        assert self.finals == [threading.get_ident()]
        assert self.calls == calls
        assert "finalized" in repr(watcher)
        if self.waiter is not None:
            assert self.waiter.value == "Finalized"


@pytest.fixture
def make_watcher(hub: greenrt.Hub) -> Iterator[Callable[[str], Any]]:
    ends = socket.socketpair()
    loop = hub.loop

    def make(kind: str) -> Any:
        makers = {
            "timer": lambda: loop.timer(1000),
            "io": lambda: loop.io(ends[0].fileno(), READ),
            "async": loop.async_,
            "signal": lambda: loop.signal(signal.SIGUSR2),
            "fork": lambda: loop.fork(True),
        }
        return makers[kind]()

    yield make
    for end in ends:
        end.close()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("state", STATES)
def test_each_operation(hub: greenrt.Hub, make_watcher: Callable[[str], Any], state: str, place: str) -> None:
    for operation in OPERATIONS:
        for kind in KINDS:
            try:
                Cell(hub, make_watcher(kind), state, place, operation).check()
            except AssertionError as error:
                raise AssertionError(
                    f"{operation} on a {kind} watcher that is {state}, from {place}"
                ) from error


class Hasty(Timer):
    """A variant that does not wait for the callback."""

    def _is_quiet(self) -> bool:
        return True


class Doubled(Timer):
    """A variant that accepts a second finalizer."""

    def claim(self) -> bool:
        Timer.claim(self)
        return True


@pytest.mark.parametrize(
    ("broken", "state", "operation"),
    [
        (Hasty, "running", "finalize at once"),
        (Hasty, "waited for", "finalize at once"),
        (Doubled, "finalizing", "finalize"),
    ],
)
def test_broken_watchers_would_be_caught(
    hub: greenrt.Hub, broken: type[Timer], state: str, operation: str
) -> None:
    cell = Cell(hub, broken(hub.loop, 1000), state, PLACES[0], operation)
    with pytest.raises(AssertionError):
        cell.check()
    if cell.waiter is not None:
        cell.waiter.kill()
