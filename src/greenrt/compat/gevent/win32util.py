"""gevent.win32util: texts of Windows errors. gevent has this module on all systems."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__all__ = ["formatError"]


def formatError(e: object) -> str:
    """Return the text of a Windows error: a number, or an OSError. On other systems it is the number's text."""
    import ctypes

    number = e if isinstance(e, int) else getattr(e, "winerror", None) or getattr(e, "errno", 0)
    describe: Any = getattr(ctypes, "FormatError", str)
    text: str = describe(number)
    return text


__getattr__: Callable[[str], Any] = missing_names(__name__)
