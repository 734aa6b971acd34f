"""Cooperative file objects: the standard `io` classes over a raw file that suspends only the greenlet.

Pipes, terminals and other descriptors that may have to wait are read and written as in `_fd_io`. Regular files have
no readiness, so a native thread of the hub's pool reads and writes them. A buffered object serves one greenlet at a
time, as it does with threads; the other greenlets wait. (The class of the standard library raises RuntimeError for a
second greenlet of one thread.)

Finalizers never switch: there, the blocking call writes the buffered data, as in CPython.
"""

# This module redefines the names of the standard module on purpose.
# mypy: disable-error-code="no-redef,misc,override,arg-type"

import io as _stdlib
import warnings
from collections.abc import Callable
from functools import partial, wraps
from types import ModuleType

from greenrt import _original
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import forget_fd
from greenrt._typing import Any
from greenrt.green import _fd_io
from greenrt.green._fds import without_bool
from greenrt.green._standard_kind import StandardKind, with_module
from greenrt.sync.lock import RLock

__all__ = [
    "BufferedRWPair",
    "BufferedRandom",
    "BufferedReader",
    "BufferedWriter",
    "FileIO",
    "module_like_io",
    "open",
    "open_with",
    "read_all",
    "read_into",
]


class FileIO(_original.FileIO):
    """`io.FileIO` with reads and writes that suspend only the greenlet."""

    # Whether a finalizer runs. It must not switch.
    _blocks = False
    _may_wait = False

    def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
        number = without_bool(file)
        super().__init__(number, mode, closefd, opener)
        if number is not file:
            self.name = file
        self._may_wait = _fd_io.may_wait(self.fileno())

    def _call(self, plain: Callable[..., Any], green: Callable[..., Any], *args: Any) -> Any:
        if self._blocks:
            return plain(self, *args)
        if self._may_wait:
            try:
                return green(self.fileno(), *args)
            except BlockingIOError:
                # io.RawIOBase returns None for a descriptor that is non-blocking.
                return None
        hub = hub_for_waiting()
        return plain(self, *args) if hub is None else hub.threadpool.apply(plain, (self, *args))

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into `buffer`; return the number of bytes. See `io.FileIO.readinto`."""
        if not self.readable():
            return super().readinto(buffer)
        return self._call(_original.FileIO.readinto, read_into, buffer)  # type: ignore[no-any-return]

    def read(self, size: int | None = -1, /) -> bytes | None:
        """Read at most `size` bytes in one call, or the whole rest without `size`. See `io.FileIO.read`."""
        if not self.readable():
            return super().read(-1)
        if size is None or size < 0:
            return self.readall()
        return self._call(_original.FileIO.read, _fd_io.read, size)  # type: ignore[no-any-return]

    def readall(self) -> bytes | None:
        """Read until the end. See `io.FileIO.readall`."""
        if not self.readable():
            return super().readall()
        return self._call(_original.FileIO.readall, read_all)  # type: ignore[no-any-return]

    def write(self, data: Any, /) -> int | None:
        """Write `data`; return the number of bytes. See `io.FileIO.write`."""
        if not self.writable():
            return super().write(data)
        return self._call(_original.FileIO.write, _fd_io.write, data)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Wake up the waiters of the file descriptor, and close it. See `io.FileIO.close`."""
        if not self.closed and self.closefd:
            forget_fd(self.fileno())
        super().close()

    def _dealloc_warn(self, source: Any) -> None:
        # The finalizer of this object, or of an object above it, calls this method first.
        self._blocks = True
        super()._dealloc_warn(source)


def read_into(fd: int, buffer: Any) -> int:
    """Read into `buffer`; return the number of bytes."""
    return _fd_io.readv(fd, [buffer])


def read_all(fd: int) -> bytes:
    """Read until the end, or until a non-blocking descriptor is empty. Raise BlockingIOError if there is no data."""
    parts = []
    try:
        while part := _fd_io.read(fd, 65536):
            parts.append(part)
    except BlockingIOError:
        if not parts:
            raise
    return b"".join(parts)


def _in_turn(method: Callable[..., Any], lock: str) -> Callable[..., Any]:
    """Return `method` with the lock in attribute `lock` around it, so that one greenlet at a time runs it."""

    @wraps(method)
    def call(self: Any, *args: Any) -> Any:
        if self._ends or getattr(self, "_finalizing", False):
            return method(self, *args)
        with getattr(self, lock):
            return method(self, *args)

    return call


_READS = ("peek", "read", "read1", "readinto", "readinto1", "readline")
_WRITES = ("close", "flush", "seek", "tell", "truncate", "write")


def _serving_in_turn(kind: type) -> dict[str, Any]:
    """Return the methods of the buffered class `kind`, each with a lock, so that one greenlet at a time runs them.

    Reads and writes of a pair have a lock each: its two streams are independent.
    """
    pair = kind is _original.BufferedRWPair

    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        self._write_turn = RLock()
        self._read_turn = RLock() if pair else self._write_turn
        kind.__init__(self, *args, **kwargs)

    def dealloc_warn(self: Any, source: Any) -> None:
        # The finalizer of a text layer above this object calls this method before it closes the object.
        self._ends = True
        kind._dealloc_warn(self, source)  # type: ignore[attr-defined]

    describe: Any = kind.__repr__

    def represent(self: Any) -> str:
        return with_module(self, describe(self))

    methods: dict[str, Any] = {"__init__": make, "__repr__": represent, "_ends": False}
    for lock, names in (("_read_turn", _READS), ("_write_turn", _WRITES)):
        methods.update((name, _in_turn(getattr(kind, name), lock)) for name in names if name in vars(kind))
    if pair:
        methods["close"] = _in_turn(methods["close"], "_read_turn")
    else:
        methods["_dealloc_warn"] = dealloc_warn
    return methods


class BufferedReader(_original.BufferedReader, metaclass=StandardKind, standard=_original.BufferedReader):
    locals().update(_serving_in_turn(_original.BufferedReader))


class BufferedWriter(_original.BufferedWriter, metaclass=StandardKind, standard=_original.BufferedWriter):
    locals().update(_serving_in_turn(_original.BufferedWriter))


class BufferedRandom(_original.BufferedRandom, metaclass=StandardKind, standard=_original.BufferedRandom):
    locals().update(_serving_in_turn(_original.BufferedRandom))


class BufferedRWPair(_original.BufferedRWPair, metaclass=StandardKind, standard=_original.BufferedRWPair):
    locals().update(_serving_in_turn(_original.BufferedRWPair))


def module_like_io(**names: Any) -> ModuleType:
    """Return a module with the names of `io`, but for `names`: for code of CPython that looks names up in `io`.

    It asks `io` for the other names. Copies of them would stay the originals when `io` is patched.
    """
    module = ModuleType("io", _stdlib.__doc__)
    module.__dict__.update(names, __getattr__=partial(getattr, _stdlib))
    return module


def open(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """Open a path or a file descriptor as a cooperative file object.

    Arguments, results and errors are those of `io.open`.
    """
    return open_with(FileIO, file, mode, buffering, encoding, errors, newline, closefd, opener)


def open_with(
    kind: type[FileIO],
    file: Any,
    mode: str,
    buffering: int,
    encoding: str | None,
    errors: str | None,
    newline: str | None,
    closefd: bool,
    opener: Any,
) -> Any:
    """Open as `open` does, with `kind` as the class of the raw file."""
    text = "b" not in mode
    if not text and "t" in mode:
        raise ValueError("can't have text and binary mode at once")
    if text and buffering == 0:
        raise ValueError("can't have unbuffered text I/O")
    if not text:
        for value, what in ((encoding, "an encoding"), (errors, "an errors"), (newline, "a newline")):
            if value is not None:
                raise ValueError(f"binary mode doesn't take {what} argument")
    if not text and buffering == 1:
        warnings.warn(
            "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used",
            RuntimeWarning,
            stacklevel=3,
        )
    raw = kind(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    result: Any = raw
    try:
        line_buffering = buffering == 1 or (buffering < 0 and raw.isatty())
        if buffering == 0:
            return raw
        size = _stdlib.DEFAULT_BUFFER_SIZE if buffering <= 1 else buffering
        # A file that neither waits nor uses a thread needs no lock.
        turns = raw._may_wait or kind is FileIO
        if "+" in mode and raw.seekable():
            result = (BufferedRandom if turns else _original.BufferedRandom)(raw, size)
        elif "r" in mode and "+" not in mode:
            result = (BufferedReader if turns else _original.BufferedReader)(raw, size)
        elif "+" not in mode:
            result = (BufferedWriter if turns else _original.BufferedWriter)(raw, size)
        else:
            raise _stdlib.UnsupportedOperation("File or stream is not seekable.")
        if text:
            result = _stdlib.TextIOWrapper(result, encoding, errors, newline, line_buffering)
            result.mode = mode
        return result
    except BaseException:
        result.close()
        raise
