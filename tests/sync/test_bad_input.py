"""Wrong arguments of primitives, queues and pools: the error names the argument and the value."""

from collections.abc import Callable
from typing import Any

import pytest

import greenrt
from greenrt import Channel, Condition, Event, Group, Lock, Pool, Queue, RLock, Semaphore, ThreadPool
from greenrt.sync.async_result import AsyncResult
from greenrt.sync.executor import ThreadPoolExecutor


def held(lock: Any) -> Any:
    """Return `lock`, held by another greenlet."""
    greenrt.spawn(lock.acquire).join()
    return lock


def full() -> Queue:
    """Return a full queue."""
    return Queue(1, [1])


def under(condition: Condition, call: Callable[[Condition], object]) -> object:
    """Call `call` with `condition` while its lock is held."""
    with condition:
        return call(condition)


def with_pool(call: Callable[[ThreadPool], object]) -> object:
    """Call `call` with a pool of one thread, and close the pool."""
    pool = ThreadPool(1)
    try:
        return call(pool)
    finally:
        pool.close()


CALLS: list[tuple[str, object, Callable[[], object]]] = [
    # The name of the argument, the value, the call.
    ("timeout", "x", lambda: Event().wait("x")),  # type: ignore[arg-type]
    ("timeout", float("nan"), lambda: Event().wait(float("nan"))),
    ("callback", 5, lambda: Event().rawlink(5)),
    ("timeout", "x", lambda: AsyncResult().get(timeout="x")),  # type: ignore[arg-type]
    ("timeout", "x", lambda: AsyncResult().wait("x")),  # type: ignore[arg-type]
    ("exception", 5, lambda: AsyncResult().set_exception(5)),  # type: ignore[arg-type]
    ("exc_info", 5, lambda: AsyncResult().set_exception(OSError(), 5)),
    ("value", "a", lambda: Semaphore("a")),  # type: ignore[arg-type]
    ("value", 1.5, lambda: Semaphore(1.5)),  # type: ignore[arg-type]
    ("value", -1, lambda: Semaphore(-1)),
    ("value", "a", lambda: greenrt.BoundedSemaphore("a")),  # type: ignore[arg-type]
    ("n", "x", lambda: Semaphore().release("x")),  # type: ignore[arg-type]
    ("n", 0, lambda: Semaphore().release(0)),
    ("timeout", "x", lambda: Semaphore(0).acquire(timeout="x")),  # type: ignore[arg-type]
    ("timeout", "x", lambda: Semaphore(0).wait("x")),  # type: ignore[arg-type]
    ("timeout", "x", lambda: Lock().acquire(timeout="x")),  # type: ignore[arg-type]
    ("timeout", -2, lambda: Lock().acquire(timeout=-2)),
    ("timeout", float("nan"), lambda: Lock().acquire(timeout=float("nan"))),
    ("timeout", "x", lambda: held(RLock()).acquire(timeout="x")),
    ("timeout", "x", lambda: under(Condition(), lambda condition: condition.wait("x"))),  # type: ignore[arg-type]
    (
        "timeout",
        "x",
        lambda: under(Condition(), lambda condition: condition.wait_for(list, "x")),  # type: ignore[arg-type]
    ),
    ("predicate", 5, lambda: under(Condition(), lambda condition: condition.wait_for(5))),  # type: ignore[arg-type]
    ("n", "x", lambda: under(Condition(), lambda condition: condition.notify("x"))),  # type: ignore[arg-type]
    ("lock", 5, lambda: Condition(5)),
    ("maxsize", "x", lambda: Queue("x")),  # type: ignore[arg-type]
    ("maxsize", 1.5, lambda: greenrt.SimpleQueue(1.5)),  # type: ignore[arg-type]
    ("maxsize", "x", lambda: greenrt.LifoQueue("x")),  # type: ignore[arg-type]
    ("maxsize", "x", lambda: greenrt.PriorityQueue("x")),  # type: ignore[arg-type]
    ("maxsize", "x", lambda: setattr(Queue(), "maxsize", "x")),
    ("items", 5, lambda: Queue(1, 5)),  # type: ignore[arg-type]
    ("unfinished_tasks", "x", lambda: Queue(1, [1], "x")),  # type: ignore[arg-type]
    ("timeout", "x", lambda: Queue().get(timeout="x")),  # type: ignore[arg-type]
    ("timeout", -1, lambda: Queue().get(timeout=-1)),
    ("timeout", "x", lambda: Queue().peek(timeout="x")),  # type: ignore[arg-type]
    ("timeout", "x", lambda: full().put(1, timeout="x")),  # type: ignore[arg-type]
    ("timeout", "x", lambda: full().join("x")),  # type: ignore[arg-type]
    ("maxsize", "x", lambda: Channel("x")),  # type: ignore[arg-type]
    ("timeout", "x", lambda: Channel().get(timeout="x")),  # type: ignore[arg-type]
    ("timeout", "x", lambda: Channel().put(1, timeout="x")),  # type: ignore[arg-type]
    ("greenlets", 5, lambda: Group(5)),  # type: ignore[arg-type]
    ("greenlet", 5, lambda: Group().add(5)),
    ("greenlet", 5, lambda: Group().start(5)),
    ("run", 5, lambda: Group().spawn(5)),  # type: ignore[arg-type]
    ("func", 5, lambda: Group().map(5, [1])),  # type: ignore[arg-type]
    ("iterable", 5, lambda: Group().map(int, 5)),  # type: ignore[arg-type]
    ("iterable", 5, lambda: Group().imap(int, 5)),  # type: ignore[arg-type]
    ("iterable", 5, lambda: Group().imap_unordered(int, 5)),  # type: ignore[arg-type]
    ("maxsize", "x", lambda: Group().imap(int, [1], maxsize="x")),  # type: ignore[arg-type]
    ("size", -1, lambda: Pool(-1)),
    ("size", "x", lambda: Pool("x")),  # type: ignore[arg-type]
    ("greenlet_class", 5, lambda: Pool(1, 5)),
    ("timeout", "x", lambda: Pool(0).add(greenrt.Greenlet(int), timeout="x")),  # type: ignore[arg-type]
    ("timeout", "x", lambda: Pool(0).wait_available("x")),  # type: ignore[arg-type]
    ("maxsize", "x", lambda: ThreadPool("x")),  # type: ignore[arg-type]
    ("maxsize", -1, lambda: ThreadPool(-1)),
    ("idle_task_timeout", "x", lambda: ThreadPool(1, idle_task_timeout="x")),  # type: ignore[arg-type]
    ("maxsize", "x", lambda: with_pool(lambda pool: setattr(pool, "maxsize", "x"))),
    ("function", 5, lambda: with_pool(lambda pool: pool.spawn(5))),  # type: ignore[arg-type]
    ("max_workers", "x", lambda: ThreadPoolExecutor("x")),  # type: ignore[arg-type]
    ("max_workers", 0, lambda: ThreadPoolExecutor(0)),
    ("wrap", 5, lambda: greenrt.ThreadProxy([], 5)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(
    ("name", "value", "call"), CALLS, ids=[f"{index}-{name}" for index, (name, _, _) in enumerate(CALLS)]
)
def test_the_error_names_the_argument_and_the_value(
    name: str, value: object, call: Callable[[], object]
) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert name in str(caught.value)
    assert repr(value) in str(caught.value)
