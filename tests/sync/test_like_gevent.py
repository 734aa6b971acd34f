"""Behaviour as in gevent: links run before waiters, Timeouts serve as timeouts, pools wait for their work."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

import greenrt
from greenrt import AsyncResult, Channel, Event, Greenlet, Group, Pool, Queue, Semaphore, ThreadPool, Timeout
from greenrt.sync.queue import Empty, Full

Function = Callable[..., None]

# -- Links


@pytest.mark.parametrize(
    "wait", [Greenlet.join, Greenlet.get, lambda g: greenrt.joinall([g]), lambda g: greenrt.wait([g])]
)
@pytest.mark.parametrize("before", [0, 1, 3], ids=lambda count: f"{count} others wait")
@pytest.mark.promised_order
def test_links_have_run_up_to_their_first_wait_when_the_end_is_seen(
    wait: Callable[[Greenlet], object], before: int
) -> None:
    seen = []

    def linked(number: int) -> None:
        seen.append(number)
        greenrt.sleep(0)
        seen.append(f"{number} after its wait")

    greenlet = greenrt.spawn(greenrt.sleep, 0.001)
    others = [greenrt.spawn(greenlet.join) for _ in range(before)]
    greenrt.sleep(0)
    greenlet.link(lambda _: linked(1))
    greenlet.rawlink(lambda _: seen.append(2))
    greenlet.link_value(lambda _: linked(3))
    greenlet.link_exception(lambda _: linked(4))
    wait(greenlet)
    assert seen == [1, 2, 3]
    greenrt.joinall(others)
    greenrt.sleep(0)
    assert seen == [1, 2, 3, "1 after its wait", "3 after its wait"]


@pytest.mark.parametrize("kind", ["greenlet", "event", "result", "semaphore"])
def test_a_link_that_is_taken_back_never_runs(kind: str) -> None:
    """An earlier link removes one; the program removes another between the end of the source and the link's turn."""
    seen = []
    if kind == "greenlet":
        source = Greenlet(lambda: None)
        end = source.kill
    elif kind == "event":
        source = Event()
        end = source.set
    elif kind == "result":
        source = AsyncResult()
        end = source.set
    else:
        source = Semaphore(0)
        end = source.release
    links = [lambda _, number=number: seen.append(number) for number in range(5)]

    def first(_: object) -> None:
        seen.append("first")
        source.unlink(links[1])

    source.rawlink(first)
    for link in links:
        source.rawlink(link)
    end()
    source.unlink(links[3])
    # Removing a link twice is no error, and neither is removing an unknown link.
    source.unlink(links[3])
    source.unlink(print)
    greenrt.sleep(0)
    assert seen == ["first", 0, 2, 4]
    source.unlink(links[0])
    greenrt.sleep(0)
    assert seen == ["first", 0, 2, 4]


def test_a_link_that_is_taken_back_in_another_thread_never_runs() -> None:
    seen = []
    greenlet = greenrt.spawn(lambda: None)
    linked, finished, taken_back = threading.Event(), threading.Event(), threading.Event()

    def other() -> None:
        greenlet.rawlink(seen.append)
        greenlet.rawlink(print)
        linked.set()
        # The hub of this thread does not run before both other steps are done.
        finished.wait(10)
        taken_back.wait(10)
        greenrt.sleep(0.01)

    thread = threading.Thread(target=other)
    thread.start()
    assert linked.wait(10)
    greenlet.join()
    finished.set()
    greenlet.unlink(seen.append)
    greenlet.unlink(print)
    taken_back.set()
    thread.join()
    assert seen == []


def test_a_finished_greenlet_is_freed_without_the_collector() -> None:
    import gc
    import weakref

    gc.disable()
    try:
        greenlet = greenrt.spawn(greenrt.sleep, 0)
        greenlet.link(lambda _: None)
        greenlet.rawlink(lambda _: None)
        greenlet.join()
        greenlet.link(lambda _: None)
        greenrt.sleep(0)
        alive = weakref.ref(greenlet)
        del greenlet
        assert alive() is None
    finally:
        gc.enable()


# -- Timeouts

held = greenrt.Lock()
held_again = greenrt.RLock()
full = Queue(1, [1])
FETCH = {
    "queue.get": lambda t: Queue().get(timeout=t),
    "queue.put": lambda t: full.put(2, timeout=t),
    "queue.peek": lambda t: Queue().peek(timeout=t),
    "channel.get": lambda t: Channel().get(timeout=t),
    "channel.put": lambda t: Channel().put(1, timeout=t),
    "result.get": lambda t: AsyncResult().get(timeout=t),
    "result.result": lambda t: AsyncResult().result(timeout=t),
    "greenlet.get": lambda t: _sleeper().get(timeout=t),
}
WAIT = {
    "event.wait": lambda t: Event().wait(timeout=t),
    "result.wait": lambda t: AsyncResult().wait(timeout=t),
    "semaphore.acquire": lambda t: Semaphore(0).acquire(timeout=t),
    "semaphore.wait": lambda t: Semaphore(0).wait(timeout=t),
    "lock.acquire": lambda t: held.acquire(timeout=t),
    "rlock.acquire": lambda t: held_again.acquire(timeout=t),
    "greenlet.join": lambda t: _sleeper().join(timeout=t),
    "joinall": lambda t: greenrt.joinall([_sleeper()], timeout=t),
    "wait": lambda t: greenrt.wait([Event()], timeout=t),
    "iwait": lambda t: list(greenrt.iwait([Event()], timeout=t)),
    "group.join": lambda t: Group([_sleeper()]).join(timeout=t),
    "queue.join": lambda t: Queue(items=[1]).join(timeout=t),
    "pool.wait_available": lambda t: Pool(0).wait_available(timeout=t),
}


def _sleeper() -> greenrt.Greenlet:
    # The greenlet starts in the call under test: a timeout that runs already would end a wait here.
    return greenrt.spawn(greenrt.sleep, 0.05)


@pytest.fixture(autouse=True, scope="module")
def _holder() -> Iterator[None]:
    """Hold the locks in a separate greenlet."""
    done = Event()

    def hold() -> None:
        with held, held_again:
            done.wait()

    holder = greenrt.spawn(hold)
    greenrt.sleep(0)
    yield
    done.set()
    holder.join()


def each_kind(names: object) -> Callable[[Function], Function]:
    """Run a test with each of `names` and with a timeout of each kind, started before or not."""
    marks = {"name": names, "silent": [None, False, "a text"], "runs": [False, True]}

    def marked(test: Function) -> Function:
        for argument, values in marks.items():
            test = pytest.mark.parametrize(argument, values)(test)
        return test

    return marked


def new_timeout(silent: str | bool | None, runs: bool) -> Timeout:
    timeout = Timeout(0.005, silent)
    if runs:
        timeout.start()
    return timeout


@each_kind(FETCH)
def test_what_fetches_raises_the_timeout_it_was_given(
    name: str, silent: str | bool | None, runs: bool
) -> None:
    timeout = new_timeout(silent, runs)
    with pytest.raises(Timeout) as raised:
        FETCH[name](timeout)
    assert raised.value is timeout
    assert not timeout.pending
    timeout.cancel()


@each_kind(WAIT)
def test_what_waits_returns_as_after_any_timeout(name: str, silent: str | bool | None, runs: bool) -> None:
    timeout = new_timeout(silent, runs)
    assert not WAIT[name](timeout)
    timeout.cancel()


@pytest.mark.parametrize("name", [*FETCH, *WAIT])
def test_a_timeout_that_is_overdue_when_the_call_begins(name: str) -> None:
    """The call may check the clock before it waits, because it first yields to other greenlets."""
    timeout = Timeout.start_new(0.001)
    busy_until = time.monotonic() + 0.03
    while time.monotonic() < busy_until:
        pass
    if name in WAIT:
        assert not WAIT[name](timeout)
    else:
        with pytest.raises(Timeout) as raised:
            FETCH[name](timeout)
        assert raised.value is timeout
    timeout.cancel()


@pytest.mark.parametrize("name", [*FETCH, *WAIT])
@pytest.mark.parametrize("runs", [False, True])
@pytest.mark.parametrize("own", [LookupError, LookupError("planned")], ids=["class", "instance"])
def test_a_timeout_with_an_exception_raises_that(
    name: str, runs: bool, own: LookupError | type[LookupError]
) -> None:
    timeout = Timeout(0.005, own)
    if runs:
        timeout.start()
    with pytest.raises(LookupError):
        (FETCH | WAIT)[name](timeout)
    timeout.cancel()


@pytest.mark.parametrize("name", [*FETCH, *WAIT])
def test_another_timeout_around_it_passes_through(name: str) -> None:
    with Timeout(0.005) as around, pytest.raises(Timeout) as raised:
        (FETCH | WAIT)[name](Timeout(0.04))
    assert raised.value is around


def test_a_timeout_that_runs_goes_on_after_the_call() -> None:
    queue = Queue(items=[1])
    with Timeout(0.5) as timeout, pytest.raises(Timeout) as raised:
        assert queue.get(timeout=timeout) == 1
        assert Event().wait(0.001) is False
        assert timeout.pending
        greenrt.sleep(30)
    assert raised.value is timeout


def test_a_timeout_that_runs_for_another_greenlet_is_refused() -> None:
    timeout = Timeout.start_new(10)
    with pytest.raises(AssertionError, match="make a Timeout for this greenlet"):
        greenrt.spawn(Event().wait, timeout).get()
    timeout.cancel()


def test_a_timeout_without_seconds_never_ends_a_wait() -> None:
    event = Event()
    greenrt.spawn_later(0.005, event.set)
    assert event.wait(Timeout(None))


def test_a_timeout_in_a_native_thread() -> None:
    seen = []

    def native() -> None:
        seen.append(Event().wait(Timeout(0.001)))
        try:
            Queue().get(timeout=Timeout(0.001))
        except Timeout as error:
            seen.append(str(error))

    thread = threading.Thread(target=native)
    thread.start()
    thread.join()
    assert seen == [False, "0.001 seconds"]


@pytest.mark.parametrize("wrong", [5, object(), int, True])
def test_what_a_timeout_can_not_raise_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="exception must be an exception"):
        Timeout(1, wrong)


def test_seconds_still_raise_the_queues_own_errors() -> None:
    with pytest.raises(Empty):
        Queue().get(timeout=0.001)
    with pytest.raises(Full):
        full.put(1, timeout=0.001)


# -- Pools


@pytest.mark.parametrize("make", [Group, lambda: Pool(5), lambda: Pool(1), Pool, lambda: ThreadPool(1)])
@pytest.mark.parametrize("how", ["apply_async", "map_async"])
def test_join_waits_for_what_was_started_without_waiting(make: Callable[[], Any], how: str) -> None:
    pool = make()
    seen, results = [], []

    def work(number: int) -> int:
        greenrt.sleep(0.002)
        seen.append(number)
        return number

    if how == "map_async":
        results.append(pool.map_async(work, range(4)))
    else:
        results += [pool.apply_async(work, (number,)) for number in range(4)]
    pool.join()
    assert sorted(seen) == [0, 1, 2, 3]
    assert all(result.ready() for result in results)


def test_apply_async_counts_in_its_pool() -> None:
    pool = Pool(2)
    called = []
    first = pool.apply_async(greenrt.sleep, (0.002,), callback=called.append)
    assert first in pool
    assert len(pool) == 1
    pool.apply_async(greenrt.sleep, kwds={"seconds": 0.002})
    assert pool.full()
    # The pool is full, and the caller does not wait for room.
    waiting = pool.apply_async(lambda: 1 / 0, callback=called.append)
    assert len(pool) == 2
    assert waiting not in pool
    pool.join()
    assert isinstance(waiting.exception, ZeroDivisionError)
    greenrt.sleep(0)
    assert called == [None]


def test_kill_ends_what_waits_for_room() -> None:
    pool = Pool(1)
    seen = []
    greenlets = [pool.apply_async(seen.append, (number,)) for number in range(3)]
    pool.kill()
    assert seen == []
    assert all(greenlet.ready() for greenlet in greenlets)
    assert pool.join(timeout=0)
    assert pool.apply(len, ("abc",)) == 3


@pytest.mark.parametrize("make", [lambda: Pool(1), lambda: Pool(2), lambda: ThreadPool(1)])
@pytest.mark.parametrize("how", ["apply", "map", "apply_cb", "map_cb", "nested"])
def test_work_inside_a_full_pool_does_not_wait_for_itself(make: Callable[[], Any], how: str) -> None:
    pool = make()

    def inner() -> object:
        if how == "apply":
            return pool.apply(len, ("ab",))
        if how == "map":
            return pool.map(len, ["a", "bc", ""])
        if how == "apply_cb":
            return pool.apply_cb(len, ("ab",))
        if how == "map_cb":
            return pool.map_cb(len, ["a", "bc", ""])
        return pool.apply(pool.apply, (pool.apply, (len, ("ab",))))

    expected = [1, 2, 0] if "map" in how else 2
    assert [task.get(timeout=10) for task in [pool.spawn(inner)]] == [expected]
    pool.join()


def test_map_inside_a_full_pool_raises_the_first_error() -> None:
    pool = Pool(1)
    with pytest.raises(ValueError, match="'x'"):
        pool.apply(lambda: pool.map(int, ["1", "x", "y"]))


def test_a_group_kills_no_greenlet_twice_but_waits_for_all() -> None:
    shots = []

    def undead() -> None:
        while len(shots) < 3:
            try:
                greenrt.sleep(1000)
            except greenrt.GreenletExit:
                shots.append(1)

    greenlet = greenrt.spawn(undead)
    greenrt.sleep(0)
    group = Group([greenlet])
    group.kill(block=False)
    group.kill(block=False)
    greenrt.sleep(0)
    assert shots == [1]
    group.kill(timeout=0.002)
    assert shots == [1]
    assert greenlet in group
    greenlet.kill(block=False)
    greenlet.kill(block=False)
    group.kill()
    assert len(shots) == 3


def test_a_group_takes_raw_greenlets() -> None:
    group = Group()
    raw = greenrt.spawn_raw(greenrt.sleep, 1000)
    group.add(raw)
    group.add(greenrt.getcurrent())
    assert raw in group
    group.discard(greenrt.getcurrent())
    group.killone(raw)
    greenrt.sleep(0)
    assert raw.dead
    group.discard(raw)
    assert group.join(timeout=1)


# -- Threads


@pytest.mark.parametrize("kind", ["settrace", "setprofile"])
def test_hooks_of_threading_reach_pool_threads(kind: str) -> None:
    calls = []

    def hook(frame: FrameType, event: str, _: object) -> None:
        if frame.f_code.co_name == "traced":
            calls.append(event)

    def traced() -> object:
        return sys.gettrace() if kind == "settrace" else sys.getprofile()

    pool = ThreadPool(1)
    assert pool.apply(traced) is None
    before = (threading.gettrace if kind == "settrace" else threading.getprofile)()
    getattr(threading, kind)(hook)
    try:
        assert pool.apply(traced) is hook
    finally:
        getattr(threading, kind)(before)
    assert "call" in calls
    # The hook does not stay installed in the thread.
    assert pool.apply(traced) is before
    pool.close()


# -- Arguments


@pytest.mark.parametrize("wrong", ["1", b"1", bytearray(b"1"), [1], object()])
def test_a_text_is_no_number_of_seconds(wrong: object) -> None:
    for call in (*FETCH.values(), *WAIT.values()):
        with pytest.raises(TypeError):
            call(wrong)
    for call in (Timeout, greenrt.sleep, lambda seconds: greenrt.spawn_later(seconds, int)):
        with pytest.raises(TypeError):
            call(wrong)
    with pytest.raises(TypeError):
        greenrt.sleep(None)


@pytest.mark.parametrize("wrong", [5, None, "greenlet"])
def test_what_is_no_greenlet_is_refused(wrong: int | str | None) -> None:
    waiting = greenrt.spawn(greenrt.sleep, 0.001)
    for call in (greenrt.killall, greenrt.joinall, greenrt.wait, Group):
        with pytest.raises(TypeError, match=repr(wrong)):
            call([waiting, wrong])
    for group in (Group(), Pool(1)):
        with pytest.raises(TypeError, match=repr(wrong)):
            group.add(wrong)
        assert len(group) == 0
        assert group.join(timeout=0)
        group.apply(int)
    # No greenlet was killed.
    waiting.join()
    assert waiting.value is None


def test_keywords_of_gevent() -> None:
    import signal

    greenrt.signal_handler(signalnum=signal.SIGUSR1, handler=int).cancel()
    assert greenrt.RLock(hub=None).acquire(blocking=True, timeout=None)
    assert Semaphore(value=1, hub=None).acquire(blocking=True, timeout=None)
    assert Semaphore(0).linkcount() == 0
    assert Greenlet(run=int).args == ()
