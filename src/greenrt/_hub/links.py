"""Links: what is called once a greenlet has finished."""

from collections.abc import Callable

from greenrt._hub.raw import spawn_raw
from greenrt._typing import Any

__all__ = ["Link"]


class Link:
    """Calls a function with a finished greenlet, in a new greenlet, if it finished as wanted."""

    __slots__ = ("callback", "successful")

    def __init__(self, callback: Callable[..., object], successful: bool | None) -> None:
        if not callable(callback):
            raise TypeError(f"a link must be callable, not {callback!r}")
        self.callback = callback
        self.successful = successful

    def __call__(self, source: Any) -> None:
        if self.successful is None or source.successful() == self.successful:
            spawn_raw(self.callback, source)

    def __eq__(self, other: object) -> bool:
        return self.callback == getattr(other, "callback", other)

    def __hash__(self) -> int:
        return hash(self.callback)
