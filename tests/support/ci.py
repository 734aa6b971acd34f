"""The programs of .ci/, for their tests."""

import importlib
import sys
from types import ModuleType

import pytest

from support.build import ROOT

__all__ = ["ci_module"]


def ci_module(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a module of .ci/ afresh; it is removed at the end of the test."""
    monkeypatch.syspath_prepend(ROOT / ".ci")
    for known in ("gate", "interpreters", "user_code", "wheels"):
        monkeypatch.delitem(sys.modules, known, raising=False)
    module = importlib.import_module(name)
    monkeypatch.setitem(sys.modules, name, module)
    return module
