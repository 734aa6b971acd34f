"""gevent.win32util: texts of Windows errors. gevent has this module on all systems."""

from greenrt._typing import Any

__all__ = ["formatError"]


def formatError(e: object) -> str:
    """Return the text of a Windows error: a number, or an OSError. On other systems it is the number's text."""
    import ctypes

    number = e if isinstance(e, int) else getattr(e, "winerror", None) or getattr(e, "errno", 0)
    describe: Any = getattr(ctypes, "FormatError", str)
    text: str = describe(number)
    return text
