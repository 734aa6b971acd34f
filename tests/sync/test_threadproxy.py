"""ThreadProxy: an object that is used in one native thread only."""

import gc
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import greenrt
from greenrt._hub.current_hub import get_hub_if_exists


class Thing:
    """Reports the thread that uses it."""

    def __init__(self) -> None:
        self.made_in = threading.get_ident()
        self.value = 1

    def where(self) -> int:
        return threading.get_ident()

    def block(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    def wait(self, event: threading.Event) -> bool:
        return event.wait(30)

    def fail(self) -> None:
        raise ZeroDivisionError("in the thread")

    def itself(self) -> "Thing":
        return self

    def __len__(self) -> int:
        return threading.get_ident()


def test_everything_happens_in_one_thread_that_is_not_ours() -> None:
    proxy = greenrt.ThreadProxy.make(Thing)
    there = proxy.where()
    assert there != threading.get_ident()
    assert proxy.made_in == there == len(proxy)
    greenlets = [greenrt.spawn(proxy.where) for _ in range(20)]
    assert {one.get() for one in greenlets} == {there}
    from_a_thread: list[Any] = []
    thread = threading.Thread(target=lambda: from_a_thread.extend([proxy.where(), get_hub_if_exists()]))
    thread.start()
    while thread.is_alive():
        greenrt.sleep(0.001)
    assert from_a_thread == [there, None]


def test_others_run_meanwhile() -> None:
    proxy = greenrt.ThreadProxy(Thing())
    turns: list[int] = []
    counting = greenrt.spawn(lambda: [(turns.append(1), greenrt.sleep(0.001)) for _ in range(10_000)])
    assert proxy.block(0.2) == 0.2
    counting.kill()
    assert len(turns) > 1


def test_attributes_and_errors() -> None:
    thing = Thing()
    proxy = greenrt.ThreadProxy(thing)
    proxy.value = 5
    assert (proxy.value, thing.value) == (5, 5)
    del proxy.value
    with pytest.raises(AttributeError, match="value"):
        proxy.value  # noqa: B018
    with pytest.raises(ZeroDivisionError, match="in the thread") as caught:
        proxy.fail()
    assert "fail" in [entry.name for entry in caught.traceback]
    assert proxy.itself() is proxy
    assert "where" in dir(proxy)
    assert "of a Thing" in repr(proxy)
    with pytest.raises(TypeError):
        proxy[0]


def test_a_killed_caller_leaves_the_call_running() -> None:
    proxy, go = greenrt.ThreadProxy(Thing()), threading.Event()
    caller = greenrt.spawn(proxy.wait, go)
    greenrt.sleep(0.005)
    caller.kill()
    with pytest.raises(greenrt.Timeout), greenrt.Timeout(0.005):
        proxy.block(0)
    go.set()
    assert proxy.block(0) == 0


def test_an_object_of_its_makers_thread(tmp_path: Path) -> None:
    path = str(tmp_path / "file.db")
    with greenrt.ThreadProxy.make(sqlite3.connect, path, wrap=(sqlite3.Cursor,)) as connection:
        assert isinstance(connection, greenrt.ThreadProxy)
        connection.execute("create table t (n integer)")
        connection.executemany("insert into t values (?)", [(number,) for number in range(10)])
        cursor = connection.execute("select n from t order by n")
        assert isinstance(cursor, greenrt.ThreadProxy)
        assert [row[0] for row in cursor] == list(range(10))
    connection.close()


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with greenrt.ThreadProxy.make(open, path, "w") as file:
        file.write("one\ntwo\n")
    with greenrt.ThreadProxy.make(open, path) as file:
        assert list(file) == ["one\n", "two\n"]
    items = greenrt.ThreadProxy([1, 2, 3])
    items[0] = 5
    del items[1]
    assert 5 in items
    assert [*items, items[0], len(items)] == [5, 3, 5, 2]
    assert not greenrt.ThreadProxy([])


def test_the_thread_ends_with_the_last_proxy() -> None:
    proxy = greenrt.ThreadProxy(Thing())
    method = proxy.where
    assert method() == proxy.where()
    pool = proxy._ThreadProxy__worker.pool
    assert pool.size == 1
    del proxy
    assert method() != threading.get_ident()
    del method
    gc.collect()
    while pool.size:
        greenrt.sleep(0.001)
