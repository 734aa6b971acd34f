"""gevent.contextvars: the standard library's `contextvars`, which serves greenlets as it is."""

from contextvars import Context, ContextVar, Token, copy_context

__all__ = ["Context", "ContextVar", "Token", "copy_context"]
__implements__ = __all__
