"""Timeout, with gevent's semantics."""

import threading
import time
from math import inf, nan
from typing import Never

import pytest

import greenrt
from greenrt import Timeout, with_timeout


def test_is_no_exception_but_a_base_exception() -> None:
    assert not issubclass(Timeout, Exception)
    assert issubclass(Timeout, BaseException)


def test_raises_itself() -> None:
    with pytest.raises(Timeout) as caught, Timeout(0.001) as timeout:
        greenrt.sleep(1000)
    assert caught.value is timeout
    assert not timeout.pending
    assert str(timeout) == "0.001 seconds"


def test_none_never_fires() -> None:
    with Timeout(None) as timeout:
        assert not timeout.pending
        greenrt.sleep(0.001)
    assert str(timeout) == ""


@pytest.mark.parametrize("seconds", [0, -1, -inf])
def test_zero_and_less_at_the_next_wait(seconds: float) -> None:
    reached = []
    with pytest.raises(Timeout), Timeout(seconds):
        reached.append(True)
        greenrt.sleep(1000)
    assert reached


@pytest.mark.parametrize("seconds", [inf, 1e18])
def test_for_ever(seconds: float) -> None:
    with Timeout(seconds) as timeout:
        assert timeout.pending
        greenrt.sleep(0.001)
    assert not timeout.pending


def test_nan() -> None:
    with pytest.raises(ValueError, match="nan"):
        Timeout(nan)


def test_false_is_silent_for_this_instance_only() -> None:
    with Timeout(0.001, False):
        greenrt.sleep(1000)
    with pytest.raises(Timeout) as caught, Timeout(0.001) as outer, Timeout(1000, False):
        greenrt.sleep(1000)
    assert caught.value is outer


@pytest.mark.parametrize("error", [LookupError, LookupError("planned")])
def test_an_error_of_ones_own(error: LookupError | type[LookupError]) -> None:
    with pytest.raises(LookupError), Timeout(0.001, error):
        greenrt.sleep(1000)


def test_a_text_as_exception() -> None:
    with pytest.raises(Timeout) as caught, Timeout(0.001, "reading the header"):
        greenrt.sleep(1000)
    assert "reading the header" in str(caught.value)


def test_the_inner_one_first() -> None:
    with pytest.raises(Timeout) as caught, Timeout(1000):
        with Timeout(0.001) as inner:
            greenrt.sleep(1000)
    assert caught.value is inner


def test_the_outer_one_passes_through_the_inner() -> None:
    with Timeout(0.001) as outer, pytest.raises(Timeout) as caught:
        with Timeout(1000, False):
            greenrt.sleep(1000)
    assert caught.value is outer


def test_start_cancel_restart() -> None:
    timeout = Timeout(1000)
    timeout.start()
    assert timeout.pending
    with pytest.raises(AssertionError, match="already started"):
        timeout.start()
    timeout.cancel()
    timeout.close()
    assert not timeout.pending
    timeout.start()
    assert timeout.pending
    timeout.cancel()


def test_start_new() -> None:
    made = Timeout.start_new(1000)
    assert made.pending
    assert Timeout.start_new(made) is made
    made.cancel()
    assert Timeout.start_new(made) is made
    assert made.pending
    made.cancel()


def test_a_cancel_after_the_time_but_before_the_throw() -> None:
    """A timeout that is about to be raised when it is cancelled is not raised later."""
    ready = greenrt.spawn(int)
    ready.join()
    timeout = Timeout(0.001)
    timeout.start()
    # The time passes without a switch. The timer fires while another wake of this greenlet is scheduled.
    greenrt._hub.timeout.current_hub.get_hub().loop.update_now()
    end = threading.Event()
    end.wait(0.01)
    timeout.cancel()
    greenrt.sleep(0.005)


def test_it_is_raised_where_it_was_started() -> None:
    seen = []

    def work() -> None:
        try:
            with Timeout(0.005):
                greenrt.sleep(1000)
        except Timeout:
            seen.append(greenrt.getcurrent())

    greenlet = greenrt.spawn(work)
    greenlet.join()
    assert seen == [greenlet]


def test_a_timeout_of_a_dead_greenlet_does_nothing() -> None:
    def work() -> None:
        Timeout(0.002).start()

    greenrt.spawn(work).join()
    greenrt.sleep(0.01)


def test_with_timeout() -> None:
    assert with_timeout(1000, lambda a, b: a + b, 1, b=2) == 3
    assert with_timeout(0.001, greenrt.sleep, 1000, timeout_value="late") == "late"
    with pytest.raises(Timeout):
        with_timeout(0.001, greenrt.sleep, 1000)

    def inner() -> Never:
        raise Timeout(5)

    with pytest.raises(Timeout, match="5 seconds"):
        with_timeout(1000, inner, timeout_value="not this")


def test_join_under_a_timeout() -> None:
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    with pytest.raises(Timeout), Timeout(0.002):
        greenlet.join()
    assert not greenlet.ready()
    greenlet.kill()


def test_one_second_in_words() -> None:
    assert str(Timeout(1)) == "1 second"
    assert "pending" not in repr(Timeout(1))
    assert "seconds=1" in repr(Timeout(1))
    assert "silent" in str(Timeout(1, False))


def test_time_that_is_up_while_the_greenlet_yields_stays_in_the_block() -> None:
    def work() -> str:
        for _ in range(3):
            with Timeout(0.001, False):
                # Stay busy until the yield polls; the timeout then expires when the greenlet is queued already.
                until = time.monotonic() + 0.03
                while time.monotonic() < until:
                    pass
                greenrt.sleep(0)
            greenrt.sleep(0.01)
        return "done"

    assert greenrt.spawn(work).get() == "done"
