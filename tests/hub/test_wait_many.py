"""The functions wait, iwait, joinall and killall."""

from typing import Never

import pytest

import greenrt
from greenrt import GreenletExit, Timeout


def after(seconds: float, value: object = None) -> object:
    greenrt.sleep(seconds)
    return value


def fail() -> Never:
    raise ZeroDivisionError("planned")


def test_joinall_returns_in_the_order_of_the_ends() -> None:
    slow, fast = greenrt.spawn(after, 0.2), greenrt.spawn(after, 0.001)
    assert greenrt.joinall([slow, fast]) == [fast, slow]


def test_joinall_of_nothing() -> None:
    assert greenrt.joinall([]) == []
    assert greenrt.wait([]) == []
    assert list(greenrt.iwait([])) == []
    greenrt.killall([])


def test_joinall_with_count_and_timeout() -> None:
    slow, fast = greenrt.spawn(after, 1000), greenrt.spawn(after, 0.001)
    assert greenrt.joinall([slow, fast], count=1) == [fast]
    assert greenrt.joinall([slow, fast], timeout=0.001) == [fast]
    assert greenrt.joinall([slow], timeout=0) == []
    slow.kill()


def test_joinall_takes_any_iterable_once() -> None:
    greenlets = [greenrt.spawn(after, 0.001) for _ in range(3)]
    assert len(greenrt.joinall(iter(greenlets))) == 3


def test_joinall_raises_the_first_error(quiet: None) -> None:
    bad, slow = greenrt.spawn(fail), greenrt.spawn(after, 1000)
    with pytest.raises(ZeroDivisionError, match="planned"):
        greenrt.joinall([slow, bad], raise_error=True)
    assert not slow.has_links()
    slow.kill()
    assert set(greenrt.joinall([bad, slow])) == {bad, slow}


def test_wait_names_what_cannot_be_waited_for() -> None:
    with pytest.raises(TypeError, match=r"42.*rawlink"):
        greenrt.wait([greenrt.spawn(int), 42])
    greenrt.sleep(0)


def test_wait_for_everything() -> None:
    seen = []
    greenrt.spawn(lambda: (greenrt.sleep(0.01), seen.append("done")))
    assert greenrt.wait() is True
    assert seen == ["done"]
    assert greenrt.wait() is True


def test_wait_for_everything_but_not_for_ever() -> None:
    sleeper = greenrt.spawn(after, 1000)
    assert greenrt.wait(timeout=0.005) is False
    sleeper.kill()
    greenrt.spawn(greenrt.sleep, 1000, ref=False)
    assert greenrt.wait() is True
    for thing in [thing for thing in _parked() if thing is not greenrt.getcurrent()]:
        greenrt.kill(thing)
    greenrt.sleep(0)
    greenrt.sleep(0)


def _parked() -> list[object]:
    from greenrt._hub.parked_greenlets import parked_greenlets

    return [park.greenlet for park in parked_greenlets(greenrt.get_hub())]


def test_iwait_yields_as_they_get_ready() -> None:
    slow, fast = greenrt.spawn(after, 0.2, "slow"), greenrt.spawn(after, 0.001, "fast")
    assert [greenlet.value for greenlet in greenrt.iwait([slow, fast])] == ["fast", "slow"]


def test_iwait_left_early_unlinks() -> None:
    greenlets = [greenrt.spawn(after, 1000), greenrt.spawn(int)]
    with greenrt.iwait(greenlets) as ready:
        assert next(ready) is greenlets[1]
    assert not greenlets[0].has_links()
    greenlets[0].kill()


def test_iwait_with_count_and_timeout() -> None:
    greenlets = [greenrt.spawn(int) for _ in range(5)] + [greenrt.spawn(after, 1000)]
    assert len(list(greenrt.iwait(greenlets, count=3))) == 3
    assert len(list(greenrt.iwait(greenlets, timeout=0.005))) == 5
    greenlets[-1].kill()


def test_the_same_object_twice() -> None:
    greenlet = greenrt.spawn(after, 0.001)
    assert greenrt.joinall([greenlet, greenlet]) == [greenlet, greenlet]


def test_killall() -> None:
    seen = []
    parked = [greenrt.spawn(after, 1000) for _ in range(10)]
    raw = greenrt.spawn_raw(greenrt.sleep, 1000)
    greenrt.sleep(0)
    unstarted = greenrt.spawn(seen.append, 1)
    greenrt.killall([*parked, unstarted, raw])
    greenrt.sleep(0)
    assert all(isinstance(greenlet.value, GreenletExit) for greenlet in [*parked, unstarted])
    assert raw.dead
    assert seen == []


def test_killall_without_waiting() -> None:
    greenlet = greenrt.spawn(after, 1000)
    greenrt.sleep(0)
    greenrt.killall([greenlet], block=False)
    assert not greenlet.dead
    greenlet.join()


def test_killall_runs_out_of_time() -> None:
    go = greenrt.Event()

    def stubborn() -> object:
        while True:
            try:
                return go.wait()
            except GreenletExit:
                pass

    greenlet = greenrt.spawn(stubborn)
    greenrt.sleep(0)
    with pytest.raises(Timeout):
        greenrt.killall([greenlet], timeout=0.001)
    go.set()
    greenlet.join()


def test_killall_with_an_error(quiet: None) -> None:
    greenlet = greenrt.spawn(after, 1000)
    greenrt.sleep(0)
    greenrt.killall([greenlet], LookupError("planned"))
    assert isinstance(greenlet.exception, LookupError)
