"""select, poll, epoll and selectors: they behave as the standard ones, but only the greenlet waits."""

import os
import select as stdlib_select
import selectors as stdlib_selectors
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from support.sides import described

import greenrt
from greenrt import _original
from greenrt.green import select, selectors, socket


@pytest.fixture
def pair() -> Iterator[tuple[Any, Any]]:
    a, b = socket.socketpair()
    with a, b:
        yield a, b


def later(sock: Any) -> None:
    greenrt.sleep(0.03)
    sock.send(b"x")


def test_select_waits_for_the_first_that_is_ready(pair: tuple[Any, Any]) -> None:
    a, b = pair
    greenrt.spawn(later, a)
    assert select.select([b], [], [b]) == ([b], [], [])
    assert select.select([b], [a], []) == ([b], [a], [])
    assert select.select([], [], [], 0.01) == ([], [], [])
    assert select.select([a], [], [], 0.01) == ([], [], [])
    assert select.select([b.fileno()], (), ()) == ([b.fileno()], [], [])


def test_select_of_what_can_be_read_once_only(pair: tuple[Any, Any]) -> None:
    a, b = pair
    greenrt.spawn(later, a)
    assert select.select(iter([b]), {}, iter(())) == ([b], [], [])


def test_select_has_no_limit_on_fd_numbers(pair: tuple[Any, Any]) -> None:
    a, b = pair
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2100:
        pytest.skip(f"the hard limit of open files is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2100), hard))
    high = os.dup2(b.fileno(), 2050)
    try:
        greenrt.spawn(later, a)
        assert select.select([high], [], []) == ([high], [], [])
        b.recv(1)
    finally:
        os.close(high)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "arguments",
    [
        ([1000], [], [], 0),
        (["x"], [], []),
        ([-1], [], [], 0),
        ([], [], [], -1),
        (None, [], []),
        ([], [], [], "x"),
    ],
    ids=str,
)
def test_select_errors(arguments: tuple[Any, ...]) -> None:
    outcomes = []
    for module in (stdlib_select, select):
        try:
            module.select(*arguments)
            outcomes.append(("nothing", None))
        except Exception as error:
            outcomes.append(described(error))
    assert outcomes[0] == outcomes[1]


def test_poll(pair: tuple[Any, Any]) -> None:
    a, b = pair
    poller = select.poll()
    poller.register(b, select.POLLIN)
    assert poller.poll(10) == []
    greenrt.spawn(later, a)
    assert poller.poll() == [(b.fileno(), select.POLLIN)]
    poller.modify(b, select.POLLIN | select.POLLOUT)
    assert poller.poll(0) == [(b.fileno(), select.POLLIN | select.POLLOUT)]
    poller.unregister(b)
    assert poller.poll(5) == []
    with pytest.raises(KeyError):
        poller.unregister(b)
    with pytest.raises(FileNotFoundError):
        poller.modify(b, 1)


@pytest.mark.parametrize("mask", [0, stdlib_select.POLLPRI])
def test_hangups_are_reported_unasked(mask: int) -> None:
    a, b = socket.socketpair()
    with a, b:
        poller = select.poll()
        poller.register(b, mask)
        assert poller.poll(10) == []
        greenrt.spawn_later(0.02, a.close)
        assert poller.poll(5000) == [(b.fileno(), select.POLLHUP)]
        with pytest.raises(TypeError):
            poller.poll("x")
        with pytest.raises(OverflowError):
            poller.poll(2**31)


def test_polling_without_waiting_lets_others_run(pair: tuple[Any, Any]) -> None:
    a, b = pair
    greenrt.spawn(later, a)
    give_up = time.monotonic() + 10
    while not select.select([b], [], [], 0)[0]:
        assert time.monotonic() < give_up
    with select.epoll() as poller:
        poller.register(b, select.EPOLLIN)
        b.recv(1)
        greenrt.spawn(later, a)
        while not poller.poll(0):
            assert time.monotonic() < give_up


def test_poll_reports_closed_fds() -> None:
    a, b = socket.socketpair()
    poller = select.poll()
    number = b.fileno()
    poller.register(b)
    a.close()
    b.close()
    assert poller.poll() == [(number, select.POLLNVAL)]


def test_poll_at_once_by_two(pair: tuple[Any, Any]) -> None:
    a, b = pair
    poller = select.poll()
    poller.register(b, select.POLLIN)
    waiting = greenrt.spawn(poller.poll)
    greenrt.sleep(0)
    with pytest.raises(RuntimeError, match="concurrent poll"):
        poller.poll(0)
    a.send(b"x")
    assert len(waiting.get()) == 1


@pytest.mark.skipif(not hasattr(stdlib_select, "epoll"), reason="Linux only")
def test_epoll(pair: tuple[Any, Any]) -> None:
    a, b = pair
    with select.epoll() as poller:
        poller.register(b, select.EPOLLIN)
        assert poller.poll(0.01) == []
        greenrt.spawn(later, a)
        assert poller.poll() == [(b.fileno(), select.EPOLLIN)]
        assert poller.poll(-1, 5) == [(b.fileno(), select.EPOLLIN)]
        poller.unregister(b)
        assert poller.poll(0.01) == []
        assert not poller.closed
    assert poller.closed


@pytest.mark.skipif(not hasattr(stdlib_select, "epoll"), reason="Linux only")
@pytest.mark.parametrize("timeout", ["1", b"1", [], float("nan")])
def test_what_is_no_timeout_of_epoll(timeout: Any) -> None:
    with select.epoll() as poller, stdlib_select.epoll() as standard:
        with pytest.raises((TypeError, ValueError)) as wanted:
            _original.epoll_poll(standard, timeout)
        with pytest.raises(type(wanted.value)) as found:
            poller.poll(timeout)
    assert str(found.value) == str(wanted.value)


@pytest.mark.parametrize("name", ["DefaultSelector", "EpollSelector", "PollSelector", "SelectSelector"])
@pytest.mark.parametrize("module", [selectors])
def test_selectors(module: ModuleType, name: str, pair: tuple[Any, Any]) -> None:
    a, b = pair
    with getattr(module, name)() as selector:
        key = selector.register(b, module.EVENT_READ, "data")
        assert selector.select(0.01) == []
        greenrt.spawn(later, a)
        assert selector.select() == [(key, module.EVENT_READ)]
    assert getattr(module, name) is not getattr(stdlib_selectors, name)


def test_others_run_meanwhile(pair: tuple[Any, Any]) -> None:
    a, b = pair

    def send() -> None:
        for _ in range(5):
            greenrt.sleep(0.001)
        a.send(b"x")

    greenrt.spawn(send)
    assert select.select([b], [], [], 20) == ([b], [], [])
    assert b.recv(1) == b"x"
    poller = select.poll()
    poller.register(b, select.POLLIN)
    greenrt.spawn(send)
    assert poller.poll(20_000) == [(b.fileno(), select.POLLIN)]


def test_a_socket_in_recv_and_in_select_at_once(pair: tuple[Any, Any]) -> None:
    a, b = pair
    reader = greenrt.spawn(b.recv, 1)
    greenrt.sleep(0)
    watching = greenrt.spawn(select.select, [b], [], [], 5)
    greenrt.sleep(0)
    a.send(b"x")
    assert reader.get() == b"x"
    greenrt.sleep(0)
    a.send(b"y")
    assert watching.get() == ([b], [], [])
    assert b.recv(1) == b"y"


@pytest.mark.usefixtures("quiet")
def test_closing_under_select(pair: tuple[Any, Any]) -> None:
    _, b = pair
    watching = greenrt.spawn(select.select, [b], [], [])
    # The call may yield before it waits.
    greenrt.sleep(0.01)
    b.close()
    watching.join()
    assert isinstance(watching.exception, OSError)
    assert watching.exception.errno == 9


def test_in_a_thread_without_a_hub(pair: tuple[Any, Any]) -> None:
    a, b = pair
    seen: list[Any] = []

    def work() -> None:
        seen.append(select.select([b], [], [], 5))
        poller = select.poll()
        poller.register(b, select.POLLIN)
        seen.append(poller.poll(1000))

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.02)
    a.send(b"x")
    thread.join()
    assert seen == [([b], [], []), [(b.fileno(), select.POLLIN)]]
