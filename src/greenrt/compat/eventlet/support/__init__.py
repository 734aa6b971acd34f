"""eventlet.support: small helpers that programs import from here."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["bytes_to_str", "get_errno"]


def get_errno(exc: BaseException) -> Any:
    """Return the errno of an exception: its attribute, or its first argument, or None."""
    try:
        if exc.errno is not None:  # type: ignore[attr-defined]
            return exc.errno  # type: ignore[attr-defined]
    except AttributeError:
        pass
    return exc.args[0] if exc.args else None


def bytes_to_str(b: bytes | str, encoding: str = "ascii") -> str:
    """Return bytes as a text; a text is returned unchanged."""
    return b.decode(encoding) if isinstance(b, bytes) else b


__getattr__: Callable[[str], Any] = missing_names(__name__)
