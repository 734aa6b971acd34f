"""The hub: uncaught errors, calls that it cannot make, a hub for each thread, fairness, file descriptors."""

import errno
import io
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from math import nan
from typing import Never

import pytest
from support.threads import in_thread

import greenrt
from greenrt._events import READ, URGENT, WRITE
from greenrt._hub import current_hub, fd_wait
from greenrt.errors import BlockingInHub, ConcurrentObjectUseError, InvalidSwitchError, WrongThread

# -- Uncaught errors


def test_an_uncaught_error_is_printed_and_named(hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(hub, "exception_stream", stream)

    def fail() -> Never:
        raise ZeroDivisionError("planned")

    greenlet = greenrt.spawn(fail)
    greenlet.join()
    text = stream.getvalue()
    assert "Traceback" in text
    assert "in fail" in text
    assert "ZeroDivisionError: planned" in text
    assert "failed with ZeroDivisionError" in text
    assert greenlet.name in text


def test_a_raw_greenlets_error_is_printed(hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(hub, "exception_stream", stream)
    greenrt.spawn_raw(lambda: 1 / 0)
    greenrt.sleep(0.001)
    assert "ZeroDivisionError" in stream.getvalue()
    seen = []
    greenrt.spawn(seen.append, "the hub goes on").join()
    assert seen


def test_exits_are_not_printed(hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(hub, "exception_stream", stream)
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    greenrt.sleep(0)
    greenlet.kill()
    assert stream.getvalue() == ""


def test_the_hook_may_be_replaced(hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(hub, "handle_error", lambda *args: seen.append(args), raising=False)
    greenlet = greenrt.spawn(lambda: 1 / 0)
    greenlet.join()
    ((context, kind, value, traceback),) = seen
    assert context is greenlet
    assert kind is ZeroDivisionError
    assert value is greenlet.exception
    assert traceback is not None


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, SystemError])
def test_system_errors_come_out_in_the_main_greenlet(quiet: None, error: type[BaseException]) -> None:
    def fail() -> Never:
        raise error("planned")

    greenrt.spawn(fail)
    with pytest.raises(error, match="planned"):
        greenrt.sleep(1000)


def _group_join(greenlet: greenrt.Greenlet) -> None:
    group = greenrt.Group()
    group.add(greenlet)
    group.join()


@pytest.mark.parametrize(
    "wait",
    [
        lambda greenlet: greenlet.join(),
        lambda greenlet: greenlet.get(),
        lambda greenlet: greenrt.joinall([greenlet]),
        lambda greenlet: list(greenrt.iwait([greenlet])),
        lambda greenlet: greenlet.kill(KeyboardInterrupt("planned")),
        lambda greenlet: greenrt.sleep(0),
        _group_join,
    ],
    ids=["join", "get", "joinall", "iwait", "kill", "sleep", "group"],
)
def test_the_main_greenlet_hears_of_a_system_error_before_its_wait_ends(
    quiet: None, wait: Callable[[greenrt.Greenlet], object]
) -> None:
    """Otherwise the main greenlet could continue and end without noticing the error."""

    def fail() -> Never:
        raise KeyboardInterrupt("planned")

    greenlet = greenrt.spawn(fail)
    with pytest.raises(KeyboardInterrupt, match="planned"):
        wait(greenlet)
    assert greenlet.dead
    # The error is raised only once.
    greenrt.sleep(0)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_error_hook_that_raises_does_not_keep_joiners_waiting(
    quiet: None, hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def fail() -> Never:
        raise kind("planned")

    seen = []

    def hook(context: object, *error: object) -> None:
        seen.append(context)
        if len(seen) == 1:
            raise LookupError("the hook's own")

    failing = greenrt.spawn(fail)
    waiting = greenrt.spawn(failing.join)
    with monkeypatch.context() as patch:
        patch.setattr(hub, "handle_error", hook)
        waiting.join(10)
    assert waiting.dead
    # The hub prints the hook's own error without calling the hook again.
    assert seen == [failing]


class Broken:
    """A stream whose attributes named in `how` fail with `error`."""

    def __init__(self, error: BaseException, *how: str) -> None:
        self.error, self.how = error, how
        self.text = ""

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name == "flush" and "no flush" in self.how:
            raise AttributeError(name)
        if name in self.how:
            return self.fail
        return lambda *args: None

    def __repr__(self) -> str:
        if "repr" in self.how:
            raise self.error
        return "<a broken stream>"

    def fail(self, *args: object) -> Never:
        raise self.error


class Failing(Exception):
    """An exception whose text and notes cannot be read."""

    def __str__(self) -> str:
        raise LookupError("no text")

    @property
    def __notes__(self) -> list[str]:
        raise LookupError("no notes")


def fail_with(error: BaseException) -> Callable[[], Never]:
    def fail() -> Never:
        raise error

    return fail


ERRORS = [
    LookupError("planned"),
    greenrt.Timeout(1),
    greenrt.GreenletExit(),
    GeneratorExit(),
    BaseException(),
]


def still_works(hub: greenrt.Hub) -> None:
    assert not hub.dead
    greenrt.sleep(0.001)
    assert greenrt.spawn(int).get() == 0
    with pytest.raises(greenrt.Timeout), greenrt.Timeout(0.001):
        greenrt.sleep(1000)


def let_run() -> None:
    """Let what is scheduled run, and what that schedules in turn."""
    greenrt.sleep(0.001)
    for _ in range(5):
        greenrt.sleep(0)


def ways_to_fail_in_the_hub(hub: greenrt.Hub) -> dict[str, Callable[[], object]]:
    """Return functions that spawn, or schedule in the hub, a callable that raises."""
    timer = hub.loop.timer(0)
    prepare = hub.loop.prepare()
    error = ZeroDivisionError("planned")

    def once() -> Never:
        prepare.stop()
        raise error

    return {
        "a greenlet": lambda: greenrt.spawn(fail_with(error)),
        "a raw greenlet": lambda: greenrt.spawn_raw(fail_with(error)),
        "a callback": lambda: hub.loop.run_callback(fail_with(error)),
        "a timer": lambda: timer.start(fail_with(error)),
        "a prepare watcher": lambda: prepare.start(once),
        "a link": lambda: greenrt.spawn(int).link(lambda _: 1 / 0),
        "one that can't be shown": lambda: greenrt.spawn(fail_with(Failing())),
    }


WAYS = [
    "a greenlet",
    "a raw greenlet",
    "a callback",
    "a timer",
    "a prepare watcher",
    "a link",
    "one that can't be shown",
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "how", [("write",), ("flush",), ("no flush",), ("write", "repr"), ("write", "flush", "repr")]
)
def test_streams_that_raise_do_not_end_the_hub(
    hub: greenrt.Hub,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    way: str,
    how: tuple[str, ...],
) -> None:
    for error in ERRORS:
        monkeypatch.setattr(hub, "exception_stream", Broken(error, *how))
        ways_to_fail_in_the_hub(hub)[way]()
        let_run()
        monkeypatch.setattr(hub, "exception_stream", None)
        still_works(hub)


def test_a_broken_stream_is_named_on_the_last_one(hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    last = io.StringIO()
    monkeypatch.setattr("sys.__stderr__", last)
    monkeypatch.setattr(hub, "exception_stream", Broken(LookupError("planned"), "write"))
    greenrt.spawn(lambda: 1 / 0).join()
    greenrt.sleep(0)
    assert "ZeroDivisionError" in last.getvalue()
    assert "<a broken stream>" in last.getvalue()
    assert "LookupError('planned')" in last.getvalue()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "hook", ["handle_error", "print_exception", "handle_system_error", "SYSTEM_ERROR", "NOT_ERROR"]
)
def test_error_hooks_that_raise_do_not_end_the_hub(
    hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch, way: str, hook: str
) -> None:
    for error in ERRORS:
        stream = io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(hub, "exception_stream", stream)
            patch.setattr(hub, hook, lambda *args, error=error: fail_with(error)(), raising=False)
            ways_to_fail_in_the_hub(hub)[way]()
            # The error is not raised in the main greenlet.
            let_run()
        still_works(hub)
        if hook == "handle_error" and "shown" not in way:
            assert type(error).__name__ in stream.getvalue()
            assert "ZeroDivisionError" in stream.getvalue()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["write", "handle_error", "repr"])
def test_a_system_error_of_a_hook_reaches_the_main_greenlet(
    quiet: None, hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException], where: str
) -> None:
    class Named(greenrt.Greenlet):
        def __repr__(self) -> str:
            if where == "repr":
                raise kind("planned")
            return "named"

    with monkeypatch.context() as patch:
        patch.setattr(
            hub, "exception_stream", Broken(kind("planned"), where) if where == "write" else io.StringIO()
        )
        if where == "handle_error":
            patch.setattr(hub, "handle_error", lambda *args: fail_with(kind("planned"))(), raising=False)
        Named.spawn(lambda: 1 / 0)
        if (kind, where) in ((SystemExit, "repr"), (SystemExit, "write")):
            # The hub ignores any error of a repr or a stream except KeyboardInterrupt.
            let_run()
        else:
            with pytest.raises(kind, match="planned"):
                greenrt.sleep(1000)
    still_works(hub)


def test_an_interrupt_between_two_steps_does_not_end_the_hub(
    hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C can arrive wherever the hub calls Python code; here the hub looks for possible wakers."""

    def interrupted() -> Never:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr("greenrt._hub.hub.possible_wakers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        greenrt.Event().wait()
    assert not hub.dead
    greenrt.sleep(0.001)
    assert greenrt.spawn(int).get() == 0


def test_a_context_whose_repr_raises(hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(hub, "exception_stream", stream)

    class Nasty:
        def __repr__(self) -> str:
            raise LookupError("no name")

        def __call__(self) -> Never:
            raise ZeroDivisionError("planned")

    hub.handle_error(Nasty(), ZeroDivisionError, ZeroDivisionError("planned"), None)
    assert "Nasty" in stream.getvalue()
    assert "ZeroDivisionError" in stream.getvalue()


# -- What the hub cannot do


@pytest.mark.parametrize(
    "block",
    [
        lambda: greenrt.sleep(1),
        lambda: greenrt.sleep(0),
        lambda: greenrt.spawn(int).join(),
        lambda: greenrt.wait_read(0),
        lambda: greenrt.get_hub().switch(),
    ],
)
def test_a_callback_cannot_block(
    hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch, block: Callable[[], object]
) -> None:
    seen = []
    monkeypatch.setattr(hub, "handle_error", lambda *args: seen.append(args[2]), raising=False)
    loop_handler = hub.loop.error_handler
    hub.loop.run_callback(block)
    greenrt.sleep(0.001)
    assert hub.loop.error_handler is loop_handler
    assert [type(error) for error in seen] == [BlockingInHub]


def test_a_switch_by_hand_to_a_parked_greenlet(quiet: None) -> None:
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    greenrt.sleep(0)
    greenrt.get_hub().loop.run_callback(greenlet.switch)
    greenlet.join()
    assert isinstance(greenlet.exception, InvalidSwitchError)
    assert "sleep" in str(greenlet.exception)
    assert "kill" in str(greenlet.exception)


def test_join_is_for_the_main_greenlet(hub: greenrt.Hub, quiet: None) -> None:
    greenlet = greenrt.spawn(hub.join)
    with pytest.raises(RuntimeError, match="main greenlet"):
        greenlet.get()


@pytest.mark.parametrize("seconds", [0, 0.0, -1, -1e18, False])
def test_sleeps_of_no_time(seconds: float) -> None:
    greenrt.sleep(seconds)


def test_sleep_of_nan() -> None:
    with pytest.raises(ValueError, match="nan"):
        greenrt.sleep(nan)


@pytest.mark.promised_order
def test_sleep_zero_lets_all_others_run_once() -> None:
    seen = []

    def work(name: str) -> None:
        for _ in range(3):
            seen.append(name)
            greenrt.sleep(0)

    greenrt.joinall([greenrt.spawn(work, name) for name in "abc"])
    assert "".join(seen) == "abcabcabc"


def test_idle_waits_until_nothing_is_ready() -> None:
    seen = []
    greenlets = [greenrt.spawn(seen.append, number) for number in range(10)]
    greenrt.idle()
    assert seen == list(range(10))
    greenrt.joinall(greenlets)


# -- Threads


def test_a_hub_for_each_thread(hub: greenrt.Hub) -> None:
    def work() -> tuple[bool, bool]:
        assert current_hub.get_hub_if_exists() is None
        greenrt.sleep(0.001)
        # A thread that only waits gets no hub.
        assert current_hub.get_hub_if_exists() is None
        other = greenrt.spawn(greenrt.getcurrent).get().parent
        assert other is greenrt.get_hub()
        return other is hub, other.main_hub

    assert in_thread(work) == (False, False)
    assert hub.main_hub


def test_the_end_of_a_thread_gives_back_what_its_hub_holds() -> None:
    def fds() -> int:
        return len(os.listdir("/proc/self/fd"))

    greenrt.get_hub()
    before = fds()
    loops = []

    def work() -> None:
        greenrt.spawn(greenrt.sleep, 0.001).join()
        loops.append(greenrt.get_hub().loop)

    for _ in range(5):
        in_thread(work)
    assert fds() == before
    assert all(loop.closed for loop in loops)


@pytest.mark.parametrize("name", ["destroy", "join", "switch"])
def test_another_thread_is_refused(hub: greenrt.Hub, name: str) -> None:
    parked = greenrt.spawn(greenrt.sleep, 1000)
    greenrt.sleep(0)
    with pytest.raises(WrongThread, match=rf"hub\.{name} .*Thread-.*'MainThread'"):
        in_thread(getattr(hub, name))
    assert not parked.ready()
    parked.kill()
    greenrt.sleep(0.001)


@pytest.mark.parametrize("call", [lambda run: run(), in_thread, lambda run: greenrt.spawn(run).get()])
def test_run_is_for_the_hub_alone(hub: greenrt.Hub, call: Callable[[Callable[[], None]], None]) -> None:
    with pytest.raises(RuntimeError, match=r"hub\.join\(\)"):
        call(hub.run)


def test_destroy_by_another_thread_after_the_end() -> None:
    old = in_thread(greenrt.get_hub)
    assert old.loop.closed
    old.destroy()
    in_thread(old.destroy)


def test_an_error_of_another_thread_comes_in_the_main_greenlet(hub: greenrt.Hub) -> None:
    def work() -> None:
        hub.handle_error(None, KeyboardInterrupt, KeyboardInterrupt("planned"))
        assert current_hub.get_hub_if_exists() is None

    thread = threading.Thread(target=work)
    with pytest.raises(KeyboardInterrupt, match="planned"):
        thread.start()
        greenrt.sleep(20)
    thread.join()


def test_greenlets_of_many_threads_at_once() -> None:
    def work() -> int:
        greenlets = [greenrt.spawn(lambda n=n: greenrt.sleep(0.001) or n) for n in range(100)]
        greenrt.joinall(greenlets)
        return sum(greenlet.value for greenlet in greenlets)

    results = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert work() == 4950
    for thread in threads:
        while thread.is_alive():
            greenrt.sleep(0.001)
        thread.join()
    assert results == [4950] * 4


def test_destroy_and_a_new_hub() -> None:
    def work() -> bool:
        old = greenrt.get_hub()
        greenrt.spawn(greenrt.sleep, 0.001).join()
        old.destroy()
        assert old.loop.closed
        greenrt.spawn(greenrt.sleep, 0.001).join()
        return greenrt.get_hub() is not old

    assert in_thread(work)


# -- Fairness


def test_always_ready_greenlets_keep_no_timer_waiting(hub: greenrt.Hub) -> None:
    """With 1000 greenlets that are always ready and a callback that queues itself, a timer is at most 20 ms late.

    The test allows 20 times as much, because the machine may be busy. `make stress` prints the figure itself.
    """
    stop, late = [], []

    def spin() -> None:
        while not stop:
            greenrt.sleep(0)

    def again() -> None:
        if not stop:
            hub.loop.run_callback(again)

    spinners = [greenrt.spawn(spin) for _ in range(1000)]
    again()
    for _ in range(5):
        due = time.monotonic() + 0.01
        greenrt.sleep(0.01)
        late.append(time.monotonic() - due)
    stop.append(True)
    greenrt.joinall(spinners)
    assert min(late) < 0.4


def test_always_ready_greenlets_keep_no_socket_waiting() -> None:
    stop = []
    one, other = socket.socketpair()

    def spin() -> None:
        while not stop:
            greenrt.sleep(0)

    def echo() -> None:
        for _ in range(10):
            greenrt.wait_read(one)
            one.send(one.recv(10))

    with one, other:
        spinners = [greenrt.spawn(spin) for _ in range(1000)]
        server = greenrt.spawn(echo)
        began = time.monotonic()
        for _ in range(10):
            other.send(b"x")
            greenrt.wait_read(other)
            assert other.recv(10) == b"x"
        took = time.monotonic() - began
        stop.append(True)
        greenrt.joinall([*spinners, server])
    assert took < 10 * 0.8


@pytest.mark.time_limit(120)
def test_a_hundred_thousand_greenlets() -> None:
    seen = []
    for _ in range(10):
        greenrt.joinall([greenrt.spawn(seen.append, None) for _ in range(10_000)])
    assert len(seen) == 100_000


def test_ten_thousand_at_once() -> None:
    greenlets = [greenrt.spawn(greenrt.sleep, 0.01) for _ in range(10_000)]
    assert len(greenrt.joinall(greenlets)) == 10_000


# -- Waiting for file descriptors


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_wait_read_and_write(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    greenrt.wait_write(one)
    greenrt.wait_readwrite(one)
    greenrt.spawn(other.send, b"x")
    greenrt.wait_read(one.fileno())
    assert one.recv(10) == b"x"


@pytest.mark.parametrize("wait", [greenrt.wait_read, greenrt.wait_readwrite])
def test_a_wait_that_runs_out_of_time(
    pair: tuple[socket.socket, socket.socket], wait: Callable[..., None]
) -> None:
    one, _ = pair
    if wait is greenrt.wait_readwrite:
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                one.send(b"x" * 65536)
    with pytest.raises(TimeoutError):
        wait(one, timeout=0.005)
    with pytest.raises(LookupError, match="planned"):
        wait(one, timeout=0, timeout_exc=LookupError("planned"))


def test_many_wait_for_one_fd(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    waiters = [greenrt.spawn(greenrt.wait_read, one) for _ in range(10)]
    greenrt.sleep(0.001)
    other.send(b"x")
    greenrt.joinall(waiters)
    assert all(waiter.successful() for waiter in waiters)


def test_an_fd_that_is_not_open(pair: tuple[socket.socket, socket.socket]) -> None:
    number = pair[0].fileno()
    pair[0].close()
    for fd in (number, -1):
        with pytest.raises(OSError, match=str(fd)) as caught:
            greenrt.wait_read(fd)
        assert caught.value.errno == errno.EBADF


def test_an_fd_that_is_closed_under_a_waiter(
    hub: greenrt.Hub, pair: tuple[socket.socket, socket.socket], quiet: None
) -> None:
    number = pair[0].fileno()
    waiter = greenrt.spawn(greenrt.wait_read, number)
    greenrt.sleep(0)
    hub.loop.fds.forget(number)
    waiter.join()
    assert waiter.exception.errno == errno.EBADF
    assert "closed" in str(waiter.exception)


def test_a_killed_waiter_leaves_nothing_in_the_table(
    hub: greenrt.Hub, pair: tuple[socket.socket, socket.socket]
) -> None:
    waiter = greenrt.spawn(greenrt.wait_read, pair[0])
    greenrt.sleep(0)
    waiter.kill()
    assert pair[0].fileno() not in [entry.fd for entry in hub.loop.fds.all_entries()]


def test_wait_in_a_thread_without_a_hub(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair

    def work() -> object:
        greenrt.wait_write(one)
        with pytest.raises(TimeoutError):
            greenrt.wait_read(one, timeout=0.001)
        other.send(b"x")
        greenrt.wait_read(one)
        return current_hub.get_hub_if_exists()

    assert in_thread(work) is None


def test_wait_for_several_in_a_thread_without_a_hub(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair

    def work() -> object:
        wanted = {one.fileno(): READ, other.fileno(): READ | URGENT}
        began = time.perf_counter()
        fd_wait.park_on_fds(wanted, 0.01)
        assert time.perf_counter() - began >= 0.01
        one.send(b"x", socket.MSG_OOB)
        # Without a limit: it waits for what has arrived.
        fd_wait.park_on_fds({other.fileno(): URGENT}, None)
        fd_wait.park_on_fds({other.fileno(): WRITE}, None)
        closed = os.dup(one.fileno())
        os.close(closed)
        with pytest.raises(OSError, match="not an open file descriptor"):
            fd_wait.park_on_fds({closed: READ}, 0.01)
        return current_hub.get_hub_if_exists()

    assert in_thread(work) is None


def test_a_watcher_has_one_waiter(hub: greenrt.Hub) -> None:
    watcher = hub.loop.timer(0.01)
    waiter = greenrt.spawn(hub.wait, watcher)
    greenrt.sleep(0)
    with pytest.raises(ConcurrentObjectUseError, match="in use"):
        hub.wait(watcher)
    waiter.join()
    hub.wait(watcher)
    watcher.close()


# -- Waiter


def test_waiter() -> None:
    waiter = greenrt.Waiter()
    assert not waiter.ready()
    greenrt.spawn(waiter.switch, "value")
    assert waiter.get() == "value"
    assert waiter.get() == "value"
    assert waiter.successful()
    waiter.clear()
    greenrt.spawn(waiter.throw, LookupError("planned"))
    with pytest.raises(LookupError, match="planned"):
        waiter.get()
    assert not waiter.successful()
    waiter.clear()
    waiter.switch_args(1, 2)
    assert waiter.get() == (1, 2)


def test_waiter_as_a_link() -> None:
    waiter = greenrt.Waiter()
    greenrt.spawn(lambda: "result").rawlink(waiter)
    assert waiter.get() == "result"


def test_waiter_has_one_waiter() -> None:
    waiter = greenrt.Waiter()
    first = greenrt.spawn(waiter.get)
    greenrt.sleep(0)
    with pytest.raises(ConcurrentObjectUseError, match="one waiter"):
        waiter.get()
    waiter.switch(5)
    assert first.get() == 5
