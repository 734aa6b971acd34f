"""`sys.stdin`, cooperative in place: a read from a pipe, socket or terminal suspends only the greenlet.

Python creates the stream before any patching, modules keep references to it, and it may have read ahead. So the
objects stay. The raw file gets cooperative versions of its reading methods as attributes of the object. The methods
of the buffer get a lock, so that they serve one greenlet at a time. `input` reads through these methods, except at a
terminal: see `_input`.
"""

from collections.abc import Callable
from functools import partial, wraps
from io import BufferedReader

from greenrt import _original
from greenrt._typing import Any
from greenrt.green import _fd_io
from greenrt.green._file_objects import read_all, read_into
from greenrt.sync.lock import RLock

__all__ = ["make_green"]

_BUFFERED = ("peek", "read", "read1", "readinto", "readinto1", "readline")


def make_green(stream: Any) -> bool:
    """Make a text stream over a file descriptor cooperative, if Python has created it; return whether it may wait."""
    try:
        buffer = stream.buffer
        raw = buffer.raw
    except Exception:
        # It is an object of the program, which may have no such attribute, or raise anything.
        return False
    # A subclass belongs to the program, or is cooperative already.
    if type(buffer) is not BufferedReader or type(raw) is not _original.FileIO:
        return False
    if raw.closed or not _fd_io.may_wait(raw.fileno()):
        return False
    if "readinto" not in vars(raw):
        for method in (_read, _readall, _readinto):
            setattr(raw, method.__name__[1:], partial(method, raw))
        turn = RLock()
        for name in _BUFFERED:
            setattr(buffer, name, _in_turn(getattr(BufferedReader, name), buffer, turn))
    return True


def _in_turn(method: Callable[..., Any], buffer: BufferedReader, turn: RLock) -> Callable[..., Any]:
    # Without the lock, a second greenlet of the same thread would get a RuntimeError.
    @wraps(method)
    def call(*args: Any) -> Any:
        with turn:
            return method(buffer, *args)

    return call


def _readinto(raw: Any, target: Any, /) -> int | None:
    return _none_if_unready(read_into, raw, target)  # type: ignore[no-any-return]


def _read(raw: Any, size: int | None = -1, /) -> bytes | None:
    if size is None or size < 0:
        return _readall(raw)
    return _none_if_unready(_fd_io.read, raw, size)  # type: ignore[no-any-return]


def _readall(raw: Any) -> bytes | None:
    return _none_if_unready(read_all, raw)  # type: ignore[no-any-return]


def _none_if_unready(function: Callable[..., Any], raw: Any, *args: Any) -> Any:
    """Call `function` with the descriptor of `raw`; return None if it is non-blocking and not ready."""
    try:
        return function(raw.fileno(), *args)
    except BlockingIOError:
        return None
