"""Each fast path of the hub has a test, which fails if the program takes the slow path.

tests/sync, tests/green, tests/dns and tests/serve have files of this name for their layers. Where a mock cannot reach
compiled code, `support.switches` counts the switches that the fast path saves.
"""

import socket as standard
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import greenlet
from support.switches import STRAIGHT, hub_switches, switches

import greenrt
from greenrt import get_hub
from greenrt._hub.local import local
from greenrt._hub.park import parked
from greenrt.green import socket


def test_what_counts_switches_sees_a_park() -> None:
    assert switches(lambda: greenrt.sleep(0.001)) >= 2
    assert hub_switches(lambda: greenrt.sleep(0.001)) >= 1
    assert switches(lambda: None) == 0


def test_parking_greenlets_switch_straight_to_each_other() -> None:
    def ping_pong() -> None:
        def play(mine: Any, other: Any) -> None:
            for _ in range(20):
                other.put(None)
                mine.get()

        left, right = greenrt.Queue(), greenrt.Queue()
        greenrt.joinall([greenrt.spawn(play, left, right), greenrt.spawn(play, right, left)])

    # These switches start and end the two greenlets.
    assert (hub_switches(ping_pong) <= 6) is STRAIGHT


def test_yielding_greenlets_switch_straight_to_each_other() -> None:
    def take_turns() -> None:
        def turn() -> None:
            for _ in range(20):
                greenrt.sleep(0)

        greenrt.joinall([greenrt.spawn(turn) for _ in range(3)])

    assert (hub_switches(take_turns) <= 8) is STRAIGHT


def test_a_greenlet_that_has_ended_is_joined_without_a_switch() -> None:
    ended = greenrt.spawn(int)
    ended.join()

    def look() -> None:
        ended.join()
        ended.get()
        ended.kill()
        greenrt.joinall([ended])
        greenrt.wait([ended])

    assert switches(look) == 0


def test_operations_do_not_yield_right_after_a_poll() -> None:
    lock = greenrt.Lock()

    def work() -> None:
        greenrt.spawn(int)
        for _ in range(50):
            with lock:
                pass

    assert switches(work) == 0


def test_a_thread_local_finds_the_greenlet_by_its_own_fields() -> None:
    """Only a foreign greenlet needs an entry in its dictionary."""
    mine = local()

    def use() -> None:
        mine.value = 1
        assert mine.value == 1

    ours = greenrt.spawn(use)
    ours.get()
    assert "_greenrt" not in vars(ours)
    foreign = greenlet.greenlet(use)
    foreign.switch()
    assert "_greenrt" in foreign.__dict__


def test_a_look_at_a_raw_greenlet_leaves_it_as_it_is() -> None:
    """A dump looks at all greenlets, from another thread."""

    class Odd(greenlet.greenlet):
        def __getattribute__(self, name: str) -> object:
            if name == "__dict__":
                raise ZeroDivisionError(name)
            return super().__getattribute__(name)

    for raw in greenlet.greenlet(int), Odd(int):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(parked, raw).result() is None
        assert greenlet.greenlet.__getattribute__(raw, "__dict__") == {}


def test_a_tcp_socket_that_was_read_empty_is_not_asked_before_the_next_edge() -> None:
    """A read after a short read parks at once, although data has arrived since the last poll."""
    listener = socket.create_server(("127.0.0.1", 0))
    sender = standard.create_connection(listener.getsockname())
    receiver, _ = listener.accept()
    # The kernel reports edges after the receiver has waited once.
    greenrt.spawn_later(0.002, sender.sendall, b"first")
    assert receiver.recv(100) == b"first"

    def read() -> None:
        sender.sendall(b"next")
        assert receiver.recv(100) == b"next"

    # The plain build makes the system call: asking the hub would cost more there.
    assert (hub_switches(read) >= 1) == (greenrt.__build__ == "compiled")
    # A read that fills its buffer may leave data in the socket.
    sender.sendall(b"abcdef" * 10)
    assert receiver.recv(3) == b"abc"
    assert switches(lambda: receiver.recv(3)) == 0
    for sock in (listener, sender, receiver):
        sock.close()


def test_a_socket_stays_registered_with_the_kernel_between_waits() -> None:
    """The registration is edge-triggered and stays as it is, so a wait costs no epoll_ctl(2)."""
    one, other = socket.socketpair()
    seen = set()
    for _ in range(3):
        greenrt.spawn_later(0.002, other.send, b"x")
        assert one.recv(1) == b"x"
        seen.add(_registration(one.fileno()))
    (registered,) = seen
    assert registered & 1 << 31, f"{registered:#x} is not edge-triggered"
    one.close()
    other.close()


def _registration(fd: int) -> int:
    """Return the events that this thread's epoll object has for `fd`."""
    loop = get_hub().loop
    with open(f"/proc/self/fdinfo/{loop.fileno()}") as file:
        for line in file:
            words = line.split()
            if words[0] == "tfd:" and int(words[1]) == fd:
                return int(words[3], 16)
    raise AssertionError(f"fd {fd} is not registered")
