"""Small numbers for living things."""

import heapq
from weakref import WeakKeyDictionary, ref

from greenrt import _original
from greenrt._typing import Any

__all__ = ["ident_of"]

_numbers: "WeakKeyDictionary[Any, int]" = WeakKeyDictionary()
_free: list[int] = []
# Holds the weak references whose death gives a number back.
_watched: dict[int, Any] = {}
_lock = _original.RLock()


def ident_of(thing: Any) -> int:
    """Return the number of `thing`: the smallest that no other living thing has, kept until its death."""
    with _lock:
        number = _numbers.get(thing)
        if number is None:
            number = heapq.heappop(_free) if _free else len(_numbers)
            _numbers[thing] = number

            def give_back(_: Any, number: int = number) -> None:
                with _lock:
                    _watched.pop(number, None)
                    heapq.heappush(_free, number)

            _watched[number] = ref(thing, give_back)
        return number
