"""Counters of lookups, for statistics: what name servers were asked, and what the C library did."""

from types import TracebackType

from greenrt._loop.histogram import Histogram
from greenrt._native.thread import monotonic
from greenrt._typing import Any, Self

__all__ = ["Counters", "LibraryCall", "library", "questions"]


class Counters:
    """What the lookups of one kind came to, in all threads of this process.

    Attributes: `asked`, the number of lookups; `given_up`, how many of them lost their last waiter before they ended;
    `errors`, how many ended with each class of error; `latency`, a Histogram of the times until they ended.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.given_up = 0
        self.errors: dict[str, int] = {}
        self.latency = Histogram()

    def note_end(self, seconds: float, error: type[BaseException] | None) -> None:
        """Count a lookup that has ended after `seconds`, with a result or an error of this class."""
        self.latency.record(seconds)
        if error is not None:
            name = error.__name__
            self.errors[name] = self.errors.get(name, 0) + 1


# The questions to name servers, and the calls of the C library's functions by the resolvers `thread` and `block`.
questions = Counters()
library = Counters()


class LibraryCall:
    """One call of a function of the C library; a context manager around it.

    Arguments: `calls`, the set that has the call while it is in flight; `function`, its name; `subject`, the host or
    the address that it is about.
    """

    def __init__(self, calls: "set[LibraryCall]", function: str, subject: Any) -> None:
        self.function = function
        self.subject = subject
        self.began = monotonic()
        self._calls = calls

    def __enter__(self) -> Self:
        library.asked += 1
        self._calls.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._calls.discard(self)
        if kind is None or issubclass(kind, Exception):
            library.note_end(monotonic() - self.began, kind)
        else:
            # The caller was killed, or its time is up.
            library.given_up += 1
