"""eventlet's greenthreads, pools, queues, events, semaphores and timeouts over greenrt."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.child import run_script

import greenrt
from greenrt.compat import eventlet
from greenrt.compat.eventlet import (
    dagpool,
    db_pool,
    debug,
    event,
    greenthread,
    hubs,
    patcher,
    pools,
    queue,
    semaphore,
    tpool,
)

# A wait of a test that fails.
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    with eventlet.Timeout(PATIENCE):
        yield


def double(n: int) -> int:
    eventlet.sleep(0)
    return 2 * n


# -- Greenthreads


def test_a_greenthread_has_a_result() -> None:
    made = eventlet.spawn(double, 2)
    assert isinstance(made, greenrt.Greenlet)
    assert made.wait() == made.wait() == 4


def test_a_greenthread_raises_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    made = eventlet.spawn(int, "x")
    with pytest.raises(ValueError, match="invalid literal"):
        made.wait()
    assert "ValueError" in capsys.readouterr().err


def test_links_get_their_arguments() -> None:
    calls: list[Any] = []
    made = eventlet.spawn(double, 2)

    def link(ended: Any, *args: Any, **kwargs: Any) -> None:
        calls.append((ended.wait(), args, kwargs))

    made.link(link, 1, b=2)
    made.link(link, "removed")
    assert made.unlink(link, "removed")
    made.wait()
    eventlet.sleep(0)
    # A link that is made after the end is called at once.
    made.link(link, "late")
    assert calls == [(4, (1,), {"b": 2}), (4, ("late",), {})]


def test_kill_lets_the_greenthread_run_and_wait_raises() -> None:
    log: list[str] = []

    def work() -> None:
        try:
            eventlet.sleep(PATIENCE)
        finally:
            log.append("killed")

    made = eventlet.spawn(work)
    eventlet.sleep(0)
    made.kill(KeyError, "on purpose")
    assert log == ["killed"]
    with pytest.raises(KeyError, match="on purpose"):
        made.wait()
    never = eventlet.spawn(log.append, "never")
    never.kill()
    with pytest.raises(greenrt.GreenletExit):
        never.wait()
    assert log == ["killed"]


def test_cancel_ends_only_what_has_not_started() -> None:
    later = eventlet.spawn_after(PATIENCE, double, 1)
    later.cancel()
    with pytest.raises(greenrt.GreenletExit):
        later.wait()
    running = eventlet.spawn(double, 1)
    eventlet.sleep(0)
    running.cancel()
    assert running.wait() == 2


def test_spawn_after_local_depends_on_its_greenthread() -> None:
    ran: list[str] = []

    def short() -> Any:
        return greenthread.spawn_after_local(0.01, ran.append, "local"), eventlet.spawn_after(
            0.01, ran.append, "global"
        )

    local, other = eventlet.spawn(short).wait()
    other.wait()
    with pytest.raises(greenrt.GreenletExit):
        local.wait()
    assert ran == ["global"]


def test_the_runtime_kills_a_greenthread() -> None:
    made = eventlet.spawn(eventlet.sleep, PATIENCE)
    greenrt.killall([made], timeout=PATIENCE)
    assert made.dead


# -- Timeouts


def test_a_timeout_runs_from_its_construction() -> None:
    timeout = eventlet.Timeout(0.01)
    with pytest.raises(eventlet.Timeout) as caught:
        eventlet.sleep(PATIENCE)
    assert caught.value is timeout
    assert eventlet.is_timeout(timeout)
    with eventlet.Timeout(0.01, False):
        eventlet.sleep(PATIENCE)
        raise AssertionError
    with pytest.raises(KeyError), eventlet.Timeout(0, KeyError):
        eventlet.sleep(PATIENCE)


def test_a_timeout_of_no_seconds_can_be_cancelled() -> None:
    timeout = eventlet.Timeout(0)
    assert timeout.pending
    timeout.cancel()
    eventlet.sleep(0)
    assert not timeout.pending


def test_with_timeout_returns_the_value() -> None:
    assert eventlet.with_timeout(0.01, eventlet.sleep, PATIENCE, timeout_value="late") == "late"
    assert eventlet.with_timeout(PATIENCE, double, 1) == 2


def test_errors_of_sockets_are_timeouts() -> None:
    assert eventlet.is_timeout(TimeoutError())
    assert eventlet.is_timeout(eventlet.wrap_is_timeout(KeyError)())
    assert not eventlet.is_timeout(KeyError())


# -- Events, semaphores and queues


def test_an_event_is_sent_once() -> None:
    made = event.Event()
    waiters = [eventlet.spawn(made.wait) for _ in range(3)]
    eventlet.sleep(0)
    made.send("result")
    assert [each.wait() for each in waiters] == ["result"] * 3
    with pytest.raises(AssertionError):
        made.send("again")
    made.reset()
    assert made.wait(timeout=0.01) is None
    made.send_exception(KeyError, "on purpose")
    with pytest.raises(KeyError, match="on purpose"):
        made.wait()


def test_a_killed_waiter_takes_nothing() -> None:
    made = semaphore.Semaphore(0)
    first, second = eventlet.spawn(made.acquire), eventlet.spawn(made.acquire)
    eventlet.sleep(0)
    assert made.balance == -2
    first.kill()
    made.release()
    assert second.wait() is True
    assert made.balance == 0


def test_semaphores_have_bounds() -> None:
    with pytest.raises(ValueError, match="too many times"):
        semaphore.BoundedSemaphore(1).release()
    capped = semaphore.CappedSemaphore(1, 1)
    waiting = eventlet.spawn(capped.release)
    eventlet.sleep(0)
    assert not waiting.dead
    assert capped.acquire()
    waiting.wait()
    assert not semaphore.Semaphore(0).acquire(timeout=0.01)


def test_a_queue_of_no_size_is_a_channel() -> None:
    channel = queue.Queue(0)
    log: list[str] = []

    def get() -> None:
        log.extend(channel.get() for _ in range(2))

    getter = eventlet.spawn(get)
    eventlet.sleep(0)
    channel.put("one")
    channel.put("two")
    getter.wait()
    assert log == ["one", "two"]
    with pytest.raises(queue.Full):
        channel.put("three", timeout=0.01)
    with pytest.raises(queue.Empty):
        channel.get_nowait()


def test_a_getter_gets_the_first_of_what_is_put_before_it_runs() -> None:
    made = queue.PriorityQueue()
    getter = eventlet.spawn(made.get)
    eventlet.sleep(0)
    made.put(2)
    made.put(1)
    assert getter.wait() == 1
    assert made.unfinished_tasks == 2
    made.task_done()
    made.task_done()
    made.join()


def test_putters_wait_in_their_order() -> None:
    made = queue.LightQueue(1)
    putters = [eventlet.spawn(made.put, n) for n in range(3)]
    eventlet.sleep(0)
    assert made.putting() == 2
    assert [made.get() for _ in range(3)] == [0, 1, 2]
    for each in putters:
        each.wait()
    made.resize(None)
    assert not made.full()


# -- Pools


def test_a_pool_has_places() -> None:
    pool = eventlet.GreenPool(2)
    done = event.Event()
    for _ in range(2):
        pool.spawn(done.wait)
    waiting = eventlet.spawn(pool.spawn, double, 1)
    eventlet.sleep(0)
    assert (pool.running(), pool.free(), pool.waiting()) == (2, 0, 1)
    done.send()
    assert waiting.wait().wait() == 2
    pool.waitall()
    assert (pool.running(), pool.free()) == (0, 2)


def test_a_full_pool_runs_what_its_own_greenthreads_spawn() -> None:
    pool = eventlet.GreenPool(1)
    assert pool.spawn(lambda: pool.spawn(double, 2).wait()).wait() == 4


def test_results_keep_their_order() -> None:
    pool = eventlet.GreenPool(3)
    assert list(pool.imap(double, range(10))) == [2 * n for n in range(10)]
    assert list(pool.starmap(pow, [(2, 3), (3, 2)])) == [8, 9]
    pile = eventlet.GreenPile(pool)
    for n in range(5):
        pile.spawn(double, n)
    assert list(pile) == [0, 2, 4, 6, 8]


def test_a_dag_passes_values_on() -> None:
    pool = dagpool.DAGPool({"a": 1})

    def add(key: str, results: Any, more: int) -> int:
        return sum(value for _, value in results) + more

    pool.spawn("c", ("a", "b"), add, 10)
    eventlet.sleep(0)
    assert pool.waiting_for("c") == {"b"}
    pool.spawn("b", ("a",), add, 1)
    assert pool.wait() == {"a": 1, "b": 2, "c": 13}
    with pytest.raises(dagpool.Collision):
        pool.post("b", 0)


def test_objects_of_a_pool_go_to_waiters() -> None:
    pool = pools.Pool(max_size=1, create=object)
    with pool.item() as first:
        waiting = eventlet.spawn(pool.get)
        eventlet.sleep(0)
        assert pool.waiting() == 1
    assert waiting.wait() is first


def test_connections_come_back_to_their_pool() -> None:
    closed: list[Any] = []

    class Driver:
        class Connection:
            def rollback(self) -> None:
                """Accept the pool's cleanup."""

            def close(self) -> None:
                closed.append(self)

        @classmethod
        def connect(cls) -> "Driver.Connection":
            return cls.Connection()

    pool = db_pool.RawConnectionPool(Driver, max_size=1)
    first = pool.get()
    base = first._base
    first.close()
    assert not first
    second = pool.get()
    assert second._base is base
    second.close()
    pool.clear()
    assert closed == [base]


# -- Native threads, the hub and debugging


def test_calls_run_in_native_threads() -> None:
    ident: int = tpool.execute(threading.get_ident)
    assert ident != threading.get_ident()
    proxy = tpool.Proxy([3, 1, 2])
    proxy.sort()
    assert list(proxy) == [1, 2, 3]
    with pytest.raises(KeyError):
        tpool.execute({}.__getitem__, "missing")
    tpool.killall()


def test_the_hub_makes_calls() -> None:
    hub = hubs.get_hub()
    assert hub is hubs.get_hub()
    calls: list[str] = []
    hub.schedule_call_global(0.01, calls.append, "later")
    hub.schedule_call_global(0, calls.append, "soon")
    cancelled = hub.schedule_call_global(0, calls.append, "never")
    cancelled.cancel()
    assert "soon" in debug.format_hub_timers()
    while len(calls) < 2:
        eventlet.sleep(0.01)
    assert calls == ["soon", "later"]
    assert hub.get_timers_count() == 0


def test_a_greenthread_waits_in_the_hub_itself() -> None:
    hub = hubs.get_hub()
    current = eventlet.getcurrent()
    hub.schedule_call_global(0, current.switch, "value")
    assert hub.switch() == "value"


def test_trampoline_waits_for_a_descriptor() -> None:
    one, other = socket.socketpair()
    with one, other:
        with pytest.raises(eventlet.Timeout):
            hubs.trampoline(one, read=True, timeout=0.01)
        eventlet.spawn_after(0.01, other.send, b"x")
        hubs.trampoline(one.fileno(), read=True)
        assert one.recv(1) == b"x"
        with pytest.raises(RuntimeError):
            hubs.trampoline(one, read=True, write=True)


def test_a_listener_is_called() -> None:
    hub = hubs.get_hub()
    one, other = socket.socketpair()
    ready = event.Event()
    with one, other:
        listener = hub.add(hub.READ, one.fileno(), lambda fd: ready.ready() or ready.send(fd), print)
        assert hub.get_readers() == [listener]
        other.send(b"x")
        assert ready.wait() == one.fileno()
        hub.remove(listener)
        assert hub.get_readers() == []


def test_use_hub_accepts_names_and_warns_of_classes() -> None:
    hubs.use_hub("epolls")
    with pytest.raises(hubs.HubError):
        hubs.use_hub("asyncio")
    with pytest.warns(RuntimeWarning, match="one hub"):
        hubs.use_hub("package.module")


def test_the_blocking_detector_raises() -> None:
    _, err = run_script(
        """
        import time
        from greenrt.compat import eventlet
        from greenrt.compat.eventlet import debug
        debug.hub_blocking_detection(True, 0.1)
        made = eventlet.spawn(time.sleep, 20)
        try:
            made.wait()
        except RuntimeError as error:
            assert "ALARMED" in str(error)
        else:
            raise AssertionError
        finally:
            debug.hub_blocking_detection(False)
        """
    )
    assert "Blocking detector" in err


# -- Patching


def test_patching_parts() -> None:
    run_script(
        """
        import greenrt.compat; greenrt.compat.install("eventlet")
        import eventlet
        from eventlet import patcher
        eventlet.monkey_patch(socket=True, time=True)
        import socket, time
        from eventlet.green import socket as green, time as green_time
        assert patcher.is_monkey_patched("socket") and patcher.is_monkey_patched(socket)
        assert not patcher.is_monkey_patched("thread")
        assert sorted(patcher.already_patched) == ["socket", "time"]
        assert green.socket is socket.socket and green_time.sleep is time.sleep
        assert patcher.original("time").sleep is not time.sleep
        try:
            eventlet.monkey_patch(finagle=True)
        except TypeError as error:
            assert "finagle" in str(error)
        else:
            raise AssertionError
        """
    )


def test_a_copy_of_a_module_has_green_modules() -> None:
    import http.client

    before = http.client
    copy = patcher.import_patched("http.client")
    assert copy is not before
    assert copy.socket.__name__ == "greenrt.compat.eventlet.green.socket"
    assert http.client is sys.modules["http.client"] is before
    assert patcher.import_patched("http.client") is copy


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("from eventlet import nothing", "has no eventlet.nothing"),
        ("from eventlet.wsgi import ALREADY_HANDLED", "already_handled"),
        ("import eventlet.green; eventlet.green.OpenSSL", "use ssl"),
        ("import eventlet.zipkin", "eventlet.zipkin"),
        ("from eventlet.support.greendns import ResolverProxy", "resolver"),
    ],
)
def test_a_missing_name_says_so(statement: str, text: str) -> None:
    out, _ = run_script(
        f"""
        import greenrt.compat; greenrt.compat.install("eventlet")
        try:
            {statement}
        except (ImportError, AttributeError) as error:
            print(error)
        """
    )
    assert text in out, out


def test_a_greenthread_takes_little_time() -> None:
    """A pile of ten thousand greenthreads: a quadratic step would take minutes."""
    began = time.monotonic()
    pile = eventlet.GreenPile(10_000)
    for n in range(10_000):
        pile.spawn(double, n)
    assert sum(pile) == sum(2 * n for n in range(10_000))
    assert time.monotonic() - began < PATIENCE
