"""Group and Pool: joining, killing and limiting several greenlets together."""

from queue import Full
from typing import Any

import pytest

import greenrt


def test_a_group_empties_itself() -> None:
    group = greenrt.Group()
    workers = [group.spawn(greenrt.sleep, 0.01 * number) for number in range(3)]
    assert len(group) == 3
    assert all(worker in group for worker in workers)
    assert set(group) == set(workers)
    assert group.join(timeout=0.001) is False
    assert group.join() is True
    assert len(group) == 0
    assert not group.full()


def test_join_raises_the_first_error(capsys: pytest.CaptureFixture[str]) -> None:
    group = greenrt.Group()
    group.spawn(greenrt.sleep, 0)
    group.spawn(int, "no number")
    with pytest.raises(ValueError, match="no number"):
        group.join(raise_error=True)
    assert "no number" in capsys.readouterr().err


def test_kill_also_gets_those_that_come_meanwhile() -> None:
    group = greenrt.Group()
    ended: list[str] = []

    def stubborn() -> None:
        try:
            greenrt.sleep(30)
        finally:
            group.spawn(late)
            ended.append("stubborn")

    def late() -> None:
        greenrt.sleep(30)
        ended.append("late")

    group.spawn(stubborn)
    greenrt.sleep(0)
    group.kill(timeout=5)
    assert ended == ["stubborn"]
    assert len(group) == 0


def test_killone_add_discard() -> None:
    group = greenrt.Group()
    one, other = group.spawn(greenrt.sleep, 30), greenrt.spawn(greenrt.sleep, 30)
    group.add(other)
    group.add(other)
    assert len(group) == 2
    group.killone(one)
    assert len(group) == 1
    group.discard(other)
    assert len(group) == 0
    assert group.join(timeout=0)
    other.kill()


def test_what_maps() -> None:
    group = greenrt.Group()

    def slow_first(number: int) -> int:
        greenrt.sleep(0.05 * (3 - number))
        return number * 2

    assert group.map(slow_first, range(3)) == [0, 2, 4]
    assert list(group.imap(slow_first, range(3))) == [0, 2, 4]
    assert list(group.imap(pow, [2, 3], [3, 2])) == [8, 9]
    assert list(group.imap_unordered(slow_first, range(3))) == [4, 2, 0]
    assert group.apply(pow, (2, 3)) == 8
    assert group.apply_async(pow, (2, 3)).get() == 8
    seen: list[Any] = []
    assert group.map_async(abs, [-1, -2], callback=seen.append).get() == [1, 2]
    assert group.map_cb(abs, [-3], seen.append) == [3]
    assert group.apply_cb(abs, (-4,), callback=seen.append) == 4
    greenrt.sleep(0)
    assert seen == [[1, 2], [3], 4]


def test_an_error_in_a_map_takes_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    results = greenrt.Group().imap(int, ["1", "x", "3"])
    assert next(results) == 1
    with pytest.raises(ValueError, match="'x'"):
        next(results)
    assert next(results) == 3
    with pytest.raises(StopIteration):
        next(results)
    capsys.readouterr()


def test_an_error_of_the_iterable_comes_last() -> None:
    def items() -> Any:
        yield 1
        raise KeyError("items")

    results = greenrt.Group().imap(abs, items())
    assert next(results) == 1
    with pytest.raises(KeyError, match="items"):
        next(results)


def test_maxsize_holds_the_source_back() -> None:
    drawn: list[int] = []

    def items() -> Any:
        for number in range(100):
            drawn.append(number)
            yield number

    results = greenrt.Group().imap_unordered(abs, items(), maxsize=3)
    greenrt.sleep(0.01)
    assert len(drawn) <= 5
    assert sorted(results) == list(range(100))


@pytest.mark.parametrize("size", [1, 3])
def test_a_pool_runs_no_more_than_its_size(size: int) -> None:
    pool = greenrt.Pool(size)
    inside = most = 0

    def work(number: int) -> int:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        greenrt.sleep(0.001)
        inside -= 1
        return number

    assert pool.map(work, range(10)) == list(range(10))
    assert most == size
    assert pool.free_count() == size


def test_a_full_pool() -> None:
    pool, leave = greenrt.Pool(1), greenrt.Event()
    worker = pool.spawn(leave.wait)
    assert pool.full()
    assert pool.free_count() == 0
    with pytest.raises(Full):
        pool.start(greenrt.Greenlet(greenrt.sleep), blocking=False)
    with pytest.raises(Full):
        pool.add(greenrt.Greenlet(greenrt.sleep), timeout=0.001)
    assert pool.wait_available(timeout=0.001) == 0
    leave.set()
    assert pool.wait_available() == 1
    assert worker.ready()
    with pytest.raises(ValueError, match="size must be at least 0, not -1"):
        greenrt.Pool(-1)


def test_a_killed_spawner_leaves_no_hole() -> None:
    pool = greenrt.Pool(1)
    pool.spawn(greenrt.sleep, 0.02)
    waiting = greenrt.spawn(pool.spawn, greenrt.sleep, 0)
    greenrt.sleep(0)
    waiting.kill()
    pool.join()
    assert pool.free_count() == 1
    assert pool.spawn(abs, -1).get() == 1
