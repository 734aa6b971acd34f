"""Loops of every backend, closed after the test."""

import select
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from greenrt._events import READ, WRITE
from greenrt._loop.backends.fake import FakeBackend
from greenrt._loop.callback import Entry
from greenrt._loop.loop import Loop


class Rig:
    """A loop of one backend, and socket pairs. For the fake backend, it computes the readiness of the sockets."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fake = FakeBackend() if name == "fake" else None
        self.loop = Loop(self.fake, self.fake.clock) if self.fake else Loop(name)
        self.sockets: list[socket.socket] = []

    def pair(self) -> tuple[socket.socket, socket.socket]:
        made = socket.socketpair()
        for one in made:
            one.setblocking(False)
        self.sockets += made
        return made

    def turn(self, times: int = 1) -> None:
        """Run turns without sleeping, whether or not anything keeps the loop alive."""
        self.loop.ref()
        for _ in range(times):
            if self.fake:
                self._tell(self.fake)
            self.loop.run(nowait=True)
        self.loop.unref()

    def run(self, until: Callable[[], Any]) -> None:
        """Run turns, which may sleep, until the condition is true."""
        while not until():
            if self.fake:
                self._tell(self.fake)
            self.loop.run(once=True)

    def _tell(self, fake: FakeBackend) -> None:
        poller = select.poll()
        for one in self.sockets:
            if one.fileno() >= 0:
                poller.register(one, select.POLLIN | select.POLLOUT)
        fake.ready.clear()
        for fd, mask in poller.poll(0):
            hung = mask & (select.POLLHUP | select.POLLERR)
            readable = READ if mask & select.POLLIN or hung else 0
            fake.make_ready(fd, readable | (WRITE if mask & select.POLLOUT or hung else 0))

    def close(self) -> None:
        self.loop.close()
        for one in self.sockets:
            one.close()


class Probe(Entry):
    """Records the events with which it was fired."""

    def __init__(self) -> None:
        self.fired: list[int] = []

    def fire(self, events: int) -> None:
        self.fired.append(events)


@pytest.fixture(params=["epoll", "poll", "select", "fake"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made = Rig(request.param)
    yield made
    made.close()


@pytest.fixture(params=["epoll", "poll", "select"])
def real(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made = Rig(request.param)
    yield made
    made.close()


@pytest.fixture
def virtual() -> Iterator[Rig]:
    """A loop whose clock advances only when it sleeps."""
    made = Rig("fake")
    yield made
    made.close()


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def make_probe() -> type[Probe]:
    return Probe


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture
def errors(loop: Loop) -> list[BaseException]:
    """The exceptions of callbacks of `loop`."""
    seen: list[BaseException] = []
    loop.error_handler = lambda context, kind, value, tb: seen.append(value)
    return seen
