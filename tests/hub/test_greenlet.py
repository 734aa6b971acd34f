"""Greenlet, Timeout, sleep, joinall."""

import pytest

import greenrt


def test_results_in_order():
    def work(n):
        greenrt.sleep(0.001)
        return n * 2

    greenlets = [greenrt.spawn(work, n) for n in range(5)]
    assert greenrt.joinall(greenlets) == greenlets
    assert [g.value for g in greenlets] == [0, 2, 4, 6, 8]


def test_start_order_is_fifo():
    seen = []
    greenrt.joinall([greenrt.spawn(seen.append, n) for n in range(100)])
    assert seen == list(range(100))


def test_error_is_kept_and_raised():
    def fail():
        raise ZeroDivisionError("planned")

    greenrt.get_hub().exception_stream = None
    try:
        greenlet = greenrt.spawn(fail)
        with pytest.raises(ZeroDivisionError, match="planned"):
            greenlet.get()
    finally:
        greenrt.get_hub().exception_stream = False
    assert not greenlet.successful()


def test_kill_of_a_parked_greenlet():
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    greenrt.sleep(0)
    greenlet.kill()
    assert greenlet.dead
    assert greenlet.successful()
    assert isinstance(greenlet.value, greenrt.GreenletExit)


def test_kill_before_start_never_runs():
    seen = []
    greenlet = greenrt.spawn(seen.append, 1)
    greenlet.kill()
    greenrt.sleep(0)
    assert seen == []
    assert isinstance(greenlet.value, greenrt.GreenletExit)


def test_timeout_is_raised_and_silent_form_is_silent():
    with pytest.raises(greenrt.Timeout), greenrt.Timeout(0.001):
        greenrt.sleep(1000)
    with greenrt.Timeout(0.001, False):
        greenrt.sleep(1000)


def test_spawn_of_a_non_callable_names_it():
    with pytest.raises(TypeError, match="42"):
        greenrt.spawn(42)
