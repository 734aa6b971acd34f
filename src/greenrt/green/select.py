"""The standard library's `select` module, cooperative: select, poll and epoll suspend only the greenlet.

`select` has no limit for file descriptors. Each function first asks the kernel without waiting, and parks if none is
ready. A thread without a hub waits in the kernel, as usual. Sources: select(2), poll(2), epoll(7), CPython's
Modules/selectmodule.c.
"""

# This module redefines the names of the standard module on purpose.
# mypy: disable-error-code="no-redef,attr-defined,return-value"

import select as _stdlib
from collections.abc import Callable
from select import *  # noqa: F403

from greenrt import _original
from greenrt._deadline import Deadline
from greenrt._events import EXCEPTIONAL, READ, URGENT, WRITE
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import park_on_fd, park_on_fds, yield_if_due
from greenrt._native.unbound import unbound
from greenrt._typing import Any
from greenrt.green._fds import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, WARNS, without_bool
from greenrt.green._twin import public_names

__all__ = public_names(_stdlib)

# poll(2) takes a C int of milliseconds.
_LONGEST = 2**31 - 1

# The events of select(2) as events of poll(2).
_READABLE = POLLIN | POLLHUP | POLLERR
_WRITABLE = POLLOUT | POLLERR

# `int | float` would create a new object for each call.
_NUMBERS = (int, float)


def _number(thing: Any) -> int:
    """Return the descriptor of an int or of an object with ``fileno()``, with the errors of CPython."""
    if isinstance(thing, int):
        number = int(without_bool(thing))
    else:
        fileno = getattr(thing, "fileno", None)
        if fileno is None:
            raise TypeError("argument must be an int, or have a fileno() method.")
        number = fileno()
        if not isinstance(number, int):
            raise TypeError("fileno() returned a non-integer")
    if number < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({number})")
    return number


def select(
    rlist: Any, wlist: Any, xlist: Any, timeout: float | None = None, /
) -> tuple[list[Any], list[Any], list[Any]]:
    """Wait until a descriptor of the lists is ready; return the ready ones. See `select.select`.

    timeout: seconds; None for no limit. Raise ValueError for a negative timeout, OSError (EBADF) for a descriptor
    that is not open.
    """
    if timeout is not None:
        if not isinstance(timeout, _NUMBERS) and not hasattr(timeout, "__float__"):
            raise TypeError("timeout must be a float or None")
        timeout = float(timeout)
        if timeout != timeout:
            raise ValueError("Invalid value NaN (not a number)")
        if timeout < 0:
            raise ValueError("timeout must be non-negative")
    lists = (_repeatable(rlist), _repeatable(wlist), _repeatable(xlist))
    yield_if_due()
    milliseconds = None if timeout is None else timeout * 1000
    if WARNS and _any_bool(lists):
        # This way, the warning is given once, and with the right line.
        return _select_by_poll(lists, milliseconds)
    try:
        found: tuple[list[Any], list[Any], list[Any]] = _original.select(*lists, 0)
    except ValueError:
        # A descriptor beyond the limit of select(2); or a negative one, for which the call below raises an error.
        pass
    else:
        if timeout == 0 or found[0] or found[1] or found[2]:
            return found
    return _select_by_poll(lists, milliseconds)


def _any_bool(lists: tuple[Any, Any, Any]) -> bool:
    for things in lists:
        for thing in things:
            if thing is True or thing is False:
                return True
    return False


def _repeatable(things: Any) -> Any:
    """Return `things`, which may be an iterator, in a form that can be read twice."""
    if type(things) is list or type(things) is tuple:
        return things
    try:
        return list(things)
    except TypeError:
        raise TypeError("arguments 1-3 must be sequences") from None


def _select_by_poll(
    lists: tuple[Any, Any, Any], milliseconds: float | None
) -> tuple[list[Any], list[Any], list[Any]]:
    numbered = []
    masks: dict[int, int] = {}
    for things, mask in zip(lists, (POLLIN, POLLOUT, POLLPRI), strict=True):
        numbers = [(thing, _number(thing)) for thing in things]
        numbered.append(numbers)
        for _, number in numbers:
            masks[number] = masks.get(number, 0) | mask
    poller: Any = poll()
    for number, mask in masks.items():
        poller.register(number, mask)
    ready = dict(poller.poll(milliseconds))
    if any(mask & POLLNVAL for mask in ready.values()):
        raise OSError(9, "Bad file descriptor")
    found = []
    for numbers, wanted in zip(numbered, (_READABLE, _WRITABLE, POLLPRI), strict=True):
        found.append([thing for thing, number in numbers if ready.get(number, 0) & wanted])
    return (found[0], found[1], found[2])


# A plain function would become a method if it were an attribute of a class, as in selectors.PollSelector.
@unbound
def poll() -> "_Poll":
    """Return a new, empty set of file descriptors, for poll(2). See `select.poll`."""
    made: _Poll = object.__new__(_Poll)
    made._native = _original.poll()
    made._masks = {}
    made._polling = False
    return made


class _Poll:
    """The type of the results of `poll`. As in the standard module, it cannot be called."""

    # The name of the standard module.
    __module__ = "select"

    _native: Any
    _masks: dict[int, int]
    _polling: bool

    def __new__(cls) -> Any:
        raise TypeError(f"cannot create '{cls.__module__}.{cls.__name__}' instances")

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse to be pickled or copied, as the standard type does."""
        raise TypeError("cannot pickle 'select.poll' object")

    def register(self, fd: Any, eventmask: int = POLLIN | POLLPRI | POLLOUT) -> None:
        """Add `fd` with the events `eventmask`, or change its events."""
        number = _number(fd)
        self._native.register(number, eventmask)
        self._masks[number] = eventmask

    def modify(self, fd: Any, eventmask: int) -> None:
        """Change the events of `fd`. Raise FileNotFoundError if it is not registered."""
        number = _number(fd)
        self._native.modify(number, eventmask)
        self._masks[number] = eventmask

    def unregister(self, fd: Any) -> None:
        """Remove `fd`. Raise KeyError if it is not registered."""
        number = _number(fd)
        self._native.unregister(number)
        del self._masks[number]

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        """Return (fd, events) of what is ready, after at most `timeout` milliseconds (None, negative: no limit)."""
        if self._polling:
            raise RuntimeError("concurrent poll() invocation")
        if timeout is not None and not isinstance(timeout, _NUMBERS):
            raise TypeError("timeout must be an integer or None")
        if timeout is not None and timeout > _LONGEST:
            raise OverflowError("timeout is too large")
        self._polling = True
        try:
            return self._poll(timeout)
        finally:
            self._polling = False

    def _poll(self, timeout: float | None) -> list[tuple[int, int]]:
        if hub_for_waiting() is None:
            return self._native.poll(timeout)  # type: ignore[no-any-return]
        limit = None if timeout is None or timeout < 0 else timeout / 1000
        deadline: Deadline | None = None
        yield_if_due()
        while True:
            ready: list[tuple[int, int]] = self._native.poll(0)
            if ready or limit == 0:
                return ready
            if deadline is None:
                deadline = Deadline(limit)
            left = deadline.left()
            if left == 0.0:
                return ready
            park_on_fds({fd: _events(mask) for fd, mask in self._masks.items()}, left)


def _events(mask: int) -> int:
    # With EXCEPTIONAL: poll(2) always reports errors and hang-ups.
    return (
        EXCEPTIONAL
        | (READ if mask & POLLIN else 0)
        | (WRITE if mask & POLLOUT else 0)
        | (URGENT if mask & POLLPRI else 0)
    )


_Poll.__name__ = _Poll.__qualname__ = "poll"

# Py_TPFLAGS_IMMUTABLETYPE: attributes of such a type cannot be set.
_IMMUTABLE_TYPE = 1 << 8

# The functions that patching replaces in the standard module's dict, and the methods that it sets on classes.
FUNCTIONS: dict[str, Any] = {"select": select, "poll": poll}
METHODS: dict[type, dict[str, Any]] = {}

if hasattr(_stdlib, "epoll"):
    _native_poll: Callable[..., list[tuple[int, int]]] = _original.epoll_poll

    def _epoll_poll(self: Any, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """Return (fd, events) of what is ready, after at most `timeout` seconds (None or negative: no limit)."""
        try:
            if timeout is not None and timeout < 0:
                timeout = None
            is_number = timeout is None or timeout == timeout
        except TypeError:
            is_number = False
        # What is no number gets CPython's error.
        if hub_for_waiting() is None or not is_number:
            return _native_poll(self, timeout, maxevents)
        deadline: Deadline | None = None
        yield_if_due()
        while True:
            ready = _native_poll(self, 0, maxevents)
            if ready or timeout == 0:
                return ready
            if deadline is None:
                deadline = Deadline(timeout)
            left = deadline.left()
            if left == 0.0:
                return ready
            # An epoll instance is a file. It is readable while a descriptor in it is ready.
            park_on_fd(self.fileno(), READ, left)

    class epoll:
        """`select.epoll` with a `poll` that suspends only the greenlet. Like that type, it has no subclasses."""

        __slots__ = ("_native",)
        __module__ = "select"

        def __init_subclass__(cls) -> None:
            raise TypeError("type 'select.epoll' is not an acceptable base type")

        def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
            self._native = _original.epoll(sizehint, flags)

        @classmethod
        def fromfd(cls, fd: int) -> Any:
            """Return an epoll object for the epoll instance `fd`; the object owns `fd` from then on."""
            made = cls.__new__(cls)
            made._native = _original.epoll.fromfd(fd)
            return made

        def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
            """Return (fd, events) of what is ready, after at most `timeout` seconds (None or negative: no limit)."""
            return _epoll_poll(self._native, timeout, maxevents)

        def __getattr__(self, name: str) -> Any:
            # The methods register, modify, unregister, close and fileno, and the attribute closed.
            return getattr(self._native, name)

        def __enter__(self) -> Any:
            self._native.__enter__()
            return self

        def __exit__(self, *exc_info: object) -> None:
            self._native.close()

    epoll.__qualname__ = "epoll"
    if _stdlib.epoll.__flags__ & _IMMUTABLE_TYPE:
        # Types are immutable from CPython 3.15 on.
        FUNCTIONS["epoll"] = epoll
    else:
        METHODS[_stdlib.epoll] = {"poll": _epoll_poll}
