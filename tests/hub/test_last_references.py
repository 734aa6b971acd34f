"""Objects are freed with their last reference, even if the hub has not run since a greenlet waited on them."""

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Never

import greenlet
import pytest

import greenrt
import greenrt.serve
from greenrt import happy_eyeballs, sync
from greenrt._hub.waiter import Waiter
from greenrt.dns import NoData, NxDomain, record_query
from greenrt.dns.search import Failure
from greenrt.dns.sources import Dns
from greenrt.green import socket
from greenrt.sync.group import Group
from greenrt.sync.pool import Pool
from greenrt.sync.threadpool import ThreadPool


class Finalized:
    """An object whose finalizer waits, which the hub could not do."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def __del__(self) -> None:
        greenrt.sleep(0.001)
        self.log.append("finalized")


def test_a_socket_whose_recv_timed_out() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.settimeout(0.01)
        with pytest.raises(TimeoutError):
            ours.recv(1)
        found = weakref.ref(ours)
        with pytest.warns(ResourceWarning):
            del ours
        assert found() is None


@pytest.mark.parametrize("attribute", ["event", "item"])
def test_what_was_waited_for_and_what_the_wait_returned(attribute: str) -> None:
    class Event(greenrt.Event):
        pass

    log = []
    if attribute == "event":
        event = Event()
        assert not event.wait(0.01)
        event.owned = Finalized(log)
        del event
    else:
        queue = greenrt.Queue()
        greenrt.spawn_later(0.01, lambda: queue.put(Finalized(log)))
        item = queue.get()
        greenrt.sleep(0.01)
        del item
    assert log == ["finalized"]


compiled_only = pytest.mark.skipif(
    greenrt.__build__ != "compiled", reason="a plain Python frame keeps what it switches to"
)


@pytest.fixture(params=["without asyncio", "after asyncio"])
def exchanges_state(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run a test with and without the exchange of thread state that greenlets do after an asyncio loop has run."""
    hub = greenrt.get_hub()
    if request.param == "after asyncio":
        hub._swap = lambda state: None
    yield
    hub._swap = None


@compiled_only
@pytest.mark.usefixtures("exchanges_state")
def test_a_finished_greenlet_that_a_parked_one_has_resumed() -> None:
    def work() -> Finalized:
        greenrt.sleep(0)
        greenrt.sleep(0)
        return Finalized(log)

    def parks_for_long() -> None:
        greenrt.sleep(0)
        done.wait()

    log: list[str] = []
    done = greenrt.Event()
    waiter = greenrt.spawn(parks_for_long)
    worker = greenrt.spawn(work)
    worker.join()
    found = weakref.ref(worker)
    del worker
    assert found() is None
    assert log == ["finalized"]
    done.set()
    waiter.join()


@compiled_only
@pytest.mark.usefixtures("exchanges_state")
@pytest.mark.parametrize("seconds", [0.001, 0], ids=["timer", "yield"])
@pytest.mark.parametrize("beside", [False, True], ids=["by the hub", "by a greenlet"])
def test_a_dropped_raw_greenlet_dies_at_once(seconds: float, beside: bool) -> None:
    """The `finally` block runs in the parent's turn, not in the hub, where it could not wait."""

    def yields() -> None:
        while not done.is_set():
            greenrt.sleep(0)

    def body() -> None:
        greenrt.sleep(seconds)
        try:
            main.switch()
        finally:
            greenrt.sleep(0)
            died_in.append(greenlet.getcurrent().parent)

    main = greenlet.getcurrent()
    died_in: list[object] = []
    done = greenrt.Event()
    if beside:
        greenrt.spawn(yields)
    raw = greenlet.greenlet(body)
    raw.switch()
    del raw
    assert died_in == [main]
    done.set()


@pytest.mark.parametrize("how", ["kill", "timeout"])
def test_what_the_traceback_of_a_handled_error_refers_to(how: str) -> None:
    def waits_with_an_object() -> Finalized:
        owned = Finalized(log)
        greenrt.sleep(10)
        return owned

    def handles() -> None:
        try:
            if how == "timeout":
                with greenrt.Timeout(0.01):
                    waits_with_an_object()
            else:
                waits_with_an_object()
        except (greenrt.GreenletExit, greenrt.Timeout):
            pass
        seen.extend(log)

    log, seen = [], []
    handler = greenrt.spawn(handles)
    if how == "kill":
        greenrt.sleep(0.01)
        handler.kill()
    handler.join()
    assert seen == ["finalized"]


def own_error_of_a_timeout_argument() -> None:
    with pytest.raises(KeyError):
        greenrt.Event().wait(greenrt.Timeout(0.001, KeyError))


def function_under_a_timeout() -> None:
    with pytest.raises(greenrt.Timeout):
        greenrt.with_timeout(0.001, greenrt.sleep, 10)


def iterable_of_imap() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError

    with pytest.raises(KeyError):
        list(greenrt.Group().imap(int, items()))


def connection_to_nowhere() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            happy_eyeballs.create_connection(bound.getsockname(), 10)


def missing_name() -> None:
    class Stub:
        hub = greenrt.get_hub()

        def query(self, name: str, rtype: str, **options: object) -> Never:
            raise NxDomain(name, rtype)

        def configure(self, configuration: object) -> None:
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_query._here, "stub", Stub(), raising=False)
        with pytest.raises(NxDomain):
            record_query.query("missing.test")


def missing_host() -> None:
    class Lookup:
        def result(self) -> Never:
            raise NoData("missing.test", "A")

        def cancel(self) -> None:
            pass

    class Stub:
        def submit(self, name: str, rtype: str) -> Lookup:
            return Lookup()

        def configure(self, configuration: object) -> None:
            pass

    assert isinstance(Dns(Stub()).by_name("missing.test.", socket.AF_UNSPEC), Failure)


def joined_greenlet() -> None:
    greenrt.spawn(int, "no number").join()


def result_of_a_failed_greenlet() -> None:
    with pytest.raises(ValueError, match="no number"):
        greenrt.spawn(int, "no number").get()


def failed_result() -> None:
    def made() -> greenrt.AsyncResult[None]:
        result: greenrt.AsyncResult[None] = greenrt.AsyncResult()
        result.set_exception(KeyError())
        return result

    with pytest.raises(KeyError):
        made().get()


def call_of_imap() -> None:
    with pytest.raises(KeyError):
        list(Group().imap(fails_with_key_error, [1, 2]))


def call_of_map_inside_a_pool() -> None:
    pool = Pool(1)

    def maps() -> None:
        with pytest.raises(KeyError):
            pool.map(fails_with_key_error, [1, 2])

    pool.spawn(maps).join()


def call_in_a_thread() -> None:
    pool = ThreadPool(1)
    with pytest.raises(KeyError):
        pool.apply(fails_with_key_error, (1,))
    pool.close()
    pool.join()


def fails_with_key_error(number: int) -> None:
    raise KeyError(number)


def failed_waiter() -> None:
    def made() -> Waiter:
        waiter = Waiter()
        waiter.throw(KeyError())
        return waiter

    with pytest.raises(KeyError):
        made().get()


@pytest.mark.parametrize(
    "fails",
    [
        call_of_imap,
        call_of_map_inside_a_pool,
        call_in_a_thread,
        failed_waiter,
        joined_greenlet,
        result_of_a_failed_greenlet,
        failed_result,
        own_error_of_a_timeout_argument,
        function_under_a_timeout,
        iterable_of_imap,
        connection_to_nowhere,
        missing_name,
        missing_host,
    ],
)
def test_no_handled_error_is_left_to_the_collector(fails: Callable[[], None]) -> None:
    """No frame of greenrt in the traceback refers to the error."""
    fails()
    gc.collect()
    gc.disable()
    try:
        fails()
        # Let the killed greenlets end.
        greenrt.sleep(0.001)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [repr(each) for each in gc.garbage if isinstance(each, BaseException)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []


def used_pool() -> object:
    pool = greenrt.Pool(2)
    assert pool.map(abs, [1, -2]) == [1, 2]
    return pool


def used_group() -> object:
    group = greenrt.Group()
    group.spawn(abs, 1)
    group.join()
    return group


def used_server() -> object:
    server = greenrt.serve.StreamServer(("127.0.0.1", 0), print)
    server.start()
    server.stop()
    return server


def ended_greenlet() -> object:
    return greenrt.spawn(abs, 1)


def killed_greenlet() -> object:
    killed = greenrt.spawn(greenrt.sleep, 1000)
    greenrt.sleep(0)
    killed.kill()
    return killed


PUBLIC = [getattr(sync, name) for name in sync.__all__ if name != "ThreadProxy"]
PRIMITIVES = [kind for kind in PUBLIC if isinstance(kind, type) and not issubclass(kind, Exception)]


@pytest.mark.parametrize(
    "make",
    [*PRIMITIVES, used_pool, used_group, used_server, ended_greenlet, killed_greenlet],
    ids=lambda make: make.__name__,
)
def test_no_cycle_keeps(make: Callable[..., object]) -> None:
    gc.collect()
    gc.disable()
    try:
        thing = make(1) if make is greenrt.ThreadPool else make()
        reference = weakref.ref(thing)
        del thing
        greenrt.sleep(0.01)
        assert reference() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("handles", [False, True], ids=["in a wait", "while it handles an error"])
def test_what_a_killed_function_referred_to_is_free(handles: bool) -> None:
    class Thing:
        pass

    def waits() -> None:
        thing = Thing()
        references.append(weakref.ref(thing))
        if not handles:
            greenrt.sleep(1000)
        try:
            raise ValueError
        except ValueError:
            greenrt.sleep(1000)

    references: list[Any] = []
    killed = greenrt.spawn(waits)
    greenrt.sleep(0)
    killed.kill()
    assert references[0]() is None
    assert isinstance(killed.value, greenrt.GreenletExit)
