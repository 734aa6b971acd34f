"""The order of the steps of a turn, and the reason for it."""

import os
import signal
import socket
import threading
import time

import pytest

import greenrt
from greenrt._events import READ
from greenrt._loop.loop import Loop
from greenrt.green import socket as green_socket


def test_all_that_is_due_at_once() -> None:
    """Prepare and check in the turn; then, in the order of priority: signals, posts, fds, timers."""
    loop, seen = Loop(default=True), []
    other = threading.Thread(target=lambda: (loop.run_callback_threadsafe(seen.append, "post"), arrive()))
    previous = signal.signal(signal.SIGUSR1, lambda *_: loop.run_callback(seen.append, "signal"))
    reader, writer = os.pipe()

    def arrive() -> None:
        os.write(writer, b"x")
        # After the post. The handler runs in the main thread, before the loop collects posts.
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    loop.timer(0).start(seen.append, "timer")
    loop.timer(0, priority=2).start(seen.append, "urgent timer")
    hooks = [loop.prepare(), loop.check()]
    for hook, word in zip(hooks, ("prepare", "check"), strict=True):
        hook.start(seen.append, word)
    with loop.io(reader, READ) as watcher:
        watcher.start(lambda: (seen.append("fd"), watcher.stop()))
        other.start()
        other.join()
        time.sleep(0.001)
        loop.run(nowait=True)
        for hook in hooks:
            hook.close()
        # A turn runs its callbacks for some milliseconds only: a busy machine may leave some for the next one.
        while len(seen) < 7:
            loop.run(nowait=True)
    loop.close()
    signal.signal(signal.SIGUSR1, previous)
    os.close(reader)
    os.close(writer)
    # Prepare and check run in the turn itself, the others after it.
    assert seen[:2] == ["prepare", "check"]
    assert seen[2:] == ["urgent timer", "signal", "post", "fd", "timer"]


@pytest.mark.parametrize("how", ["settimeout", "Timeout"])
def test_data_that_comes_with_its_deadline_is_received(hub: greenrt.Hub, how: str) -> None:
    """A thread that was busy for long must not blame the peer: data that has arrived counts, however late."""
    near, far = socket.socketpair()
    green = green_socket.socket(fileno=near.detach())

    def receive() -> bytes:
        if how == "settimeout":
            green.settimeout(0.05)
            return green.recv(10)
        with greenrt.Timeout(0.05):
            return green.recv(10)

    receiver = greenrt.spawn(receive)
    greenrt.sleep(0)
    far.send(b"in time")
    time.sleep(0.1)
    assert receiver.get(timeout=10) == b"in time"
    green.close()
    far.close()


def test_data_does_not_wait_behind_all_timers_that_are_due(hub: greenrt.Hub) -> None:
    near, far = socket.socketpair()
    green = green_socket.socket(fileno=near.detach())
    woken: list[int] = []

    def sleeper(number: int) -> None:
        greenrt.sleep(0.05)
        if not woken:
            far.send(b"x")
        woken.append(number)

    sleepers = [greenrt.spawn(sleeper, number) for number in range(2000)]
    receiver = greenrt.spawn(lambda: (green.recv(1), len(woken))[1])
    greenrt.sleep(0)
    # Now all of them are due at once.
    time.sleep(0.2)
    assert receiver.get(timeout=10) < 1000
    greenrt.joinall(sleepers, timeout=10)
    assert sorted(woken) == list(range(2000))
    green.close()
    far.close()
