"""eventlet.green.select: the standard module `select`, cooperative."""

from collections.abc import Callable

from greenrt._typing import Any

from ._served import served

__all__: list[str]
__getattr__: Callable[[str], Any]
__all__, __getattr__ = served("select")


def get_fileno(obj: Any) -> int:
    """Return the file descriptor of an int or an object with ``fileno()``. Raises TypeError for other objects."""
    number = obj if isinstance(obj, int) else obj.fileno() if hasattr(obj, "fileno") else obj
    if not isinstance(number, int):
        raise TypeError(f"Expected int or long, got {type(number)}")
    return number
