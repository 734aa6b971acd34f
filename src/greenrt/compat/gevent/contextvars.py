"""gevent.contextvars: the standard library's `contextvars`, which serves greenlets as it is."""

from collections.abc import Callable
from contextvars import Context, ContextVar, Token, copy_context

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["Context", "ContextVar", "Token", "copy_context"]
__implements__ = __all__

__getattr__: Callable[[str], Any] = missing_names(__name__)
