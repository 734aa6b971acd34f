"""time.sleep, cooperative."""

import time as stdlib_time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from support.sides import described

import greenrt
from greenrt.green import time


@pytest.mark.parametrize(
    "value", ["x", None, -1, float("nan"), 1e30, [1], -0.5, 1j, Fraction(-1, 2), object()]
)
def test_errors_are_the_standard_ones(value: Any) -> None:
    outcomes = []
    for module in (stdlib_time, time):
        with pytest.raises(Exception) as caught:
            module.sleep(value)
        outcomes.append(described(caught.value))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("value", [Decimal("0.001"), Fraction(1, 1000)])
def test_real_numbers(value: Any) -> None:
    # CPython accepts them from 3.15 on.
    outcomes = []
    for module in (stdlib_time, time):
        try:
            outcomes.append(module.sleep(value))
        except TypeError as error:
            outcomes.append(described(error))
    assert outcomes[0] == outcomes[1]


def test_others_run_while_one_sleeps() -> None:
    order: list[str] = []

    def sleeper() -> None:
        time.sleep(0.02)
        order.append("slept")

    sleeping = greenrt.spawn(sleeper)
    time.sleep(0)
    order.append("ran")
    sleeping.join()
    assert order == ["ran", "slept"]
    assert time.monotonic is stdlib_time.monotonic
