"""Switching, throwing, and the state of a Fiber."""

import contextvars
import gc
import sys
import weakref

import pytest
from greenlet import GreenletExit, getcurrent, greenlet

from greenrt._native import switch
from greenrt._native.switch import Fiber, current, has_started, is_active, resume, throw_into


def test_current_is_greenlets_current() -> None:
    assert current() is getcurrent()
    assert greenlet(current).switch() is not current()


def test_resume_goes_there_and_back() -> None:
    parent = current()
    trail = []

    def run() -> str:
        trail.append("started")
        trail.append(resume(parent))
        return "returned"

    child = greenlet(run)
    assert not is_active(child)
    assert not has_started(child)
    resume(child)
    assert trail == ["started"]
    assert is_active(child)
    assert resume(child) == "returned"
    assert not is_active(child)
    assert has_started(child)
    assert child.dead


def test_throw_raises_this_very_exception() -> None:
    parent, error = current(), ValueError("planned")
    caught = []

    def run() -> None:
        try:
            resume(parent)
        except ValueError as raised:
            caught.append(raised)

    child = greenlet(run)
    resume(child)
    throw_into(child, error)
    assert caught == [error]


def test_an_uncaught_error_comes_out_in_the_parent() -> None:
    def fail() -> None:
        raise ZeroDivisionError("planned")

    with pytest.raises(ZeroDivisionError, match="planned"):
        resume(greenlet(fail))


def test_exception_state_is_each_greenlets_own() -> None:
    parent = current()

    def run() -> None:
        try:
            raise KeyError("inner")
        except KeyError:
            resume(parent)
            assert isinstance(sys.exc_info()[1], KeyError)
            with pytest.raises(KeyError, match="inner"):
                raise

    child = greenlet(run)
    resume(child)
    try:
        raise ValueError("outer")
    except ValueError:
        resume(child)
        assert isinstance(sys.exc_info()[1], ValueError)
    assert child.dead


def test_a_fiber_starts_with_nothing() -> None:
    fiber = Fiber(lambda: None)
    assert fiber.hub is fiber._park is fiber._pending is fiber._locals is None
    assert switch.as_fiber(fiber) is fiber
    assert switch.as_fiber(greenlet(lambda: None)) is None


def test_attach_to_hub_copies_the_context() -> None:
    variable = contextvars.ContextVar("variable", default="default")
    variable.set("set by the spawner")
    seen = []
    fiber = Fiber(lambda: (seen.append(variable.get()), variable.set("inside")))
    switch.attach_to_hub(fiber, current())
    variable.set("set later")
    resume(fiber)
    assert seen == ["set by the spawner"]
    assert variable.get() == "set later"
    assert fiber._site_code.co_name == "test_attach_to_hub_copies_the_context"


def test_a_parked_fiber_that_is_forgotten_is_unwound() -> None:
    parent, trail = current(), []

    def run() -> None:
        try:
            resume(parent)
        except GreenletExit:
            trail.append("unwound")
            raise

    fiber = Fiber(run)
    resume(fiber)
    alive = weakref.ref(fiber)
    del fiber
    gc.collect()
    assert alive() is None
    assert trail == ["unwound"]
