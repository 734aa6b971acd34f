"""The check of tests/typed/user_code.py, which `make types` runs, complains in both directions."""

import pytest
from support.ci import ci_module


def test_an_error_without_a_mark_and_a_mark_without_an_error_are_complaints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compare = ci_module("user_code", monkeypatch).compare
    assert compare("mypy", {1, 3}, {1: "wrong", 3: "wrong"}) == []
    assert compare("mypy", {1}, {}) == ["1: mypy finds no error here"]
    assert compare("mypy", set(), {2: "wrong"}) == ["2: mypy: wrong"]
