"""The builtin `open` and the classes of `io`, which cooperate if a file may have to wait: pipes, FIFOs and terminals.

Regular files have no readiness. They are opened, read and written as in CPython.
"""

import sys
import warnings
from collections.abc import Callable
from functools import partial
from io import text_encoding

from greenrt import _original
from greenrt._typing import Any
from greenrt.green import _fd_io, _fifo, _file_objects
from greenrt.green._fds import without_bool
from greenrt.green._standard_kind import StandardKind, with_module

__all__ = ["FUNCTIONS", "FileIO", "open"]

_BINARY_MODES = {frozenset("b" + kind + update) for kind in "rwxa" for update in ("", "+")}
_MODES = _BINARY_MODES | {
    frozenset(kind + update + text) for kind in "rwxa" for update in ("", "+") for text in ("", "t")
}
# The interpreter's text.
_NO_LINES = (
    "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used"
)


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
    """Open a path or a file descriptor; return a file object. See `io.open`."""
    # Warnings must have the line of the caller, not of the call below.
    if encoding is None and sys.flags.warn_default_encoding and "b" not in mode:
        encoding = text_encoding(encoding)
    if buffering == 1 and _is_binary(mode, encoding, errors, newline):
        warnings.warn(_NO_LINES, RuntimeWarning, stacklevel=2)
        buffering = -1
    number = without_bool(file)
    kind: type[_file_objects.FileIO] | None = None
    if isinstance(number, int):
        if _fd_io.may_wait(number):
            kind = _file_objects.FileIO
    elif opener is None:
        if _fifo.waits(file):
            kind = _file_objects.FileIO
            opener = _fifo.open_for_file
    elif _is_one_of(_MODES, mode):
        # Only the opener knows the file. This class cooperates if that file may wait.
        kind = FileIO
    make = _original.open if kind is None else partial(_file_objects.open_with, kind)
    made = make(number, mode, buffering, encoding, errors, newline, closefd, opener)
    if number is not file:
        _raw(made).name = file
    return made


def _is_binary(mode: Any, *of_text: Any) -> bool:
    """Return whether `mode` is a valid mode for binary files, and the arguments `of_text` are not used."""
    return _is_one_of(_BINARY_MODES, mode) and all(value is None for value in of_text)


def _is_one_of(modes: set[frozenset[str]], mode: Any) -> bool:
    return isinstance(mode, str) and frozenset(mode) in modes and len(mode) == len(set(mode))


def _raw(file: Any) -> Any:
    """Return the raw file below the buffers of `file`."""
    file = getattr(file, "buffer", file)
    return getattr(file, "raw", file)


class FileIO(_file_objects.FileIO, metaclass=StandardKind, standard=_original.FileIO):
    def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
        if opener is None and not isinstance(file, int) and _fifo.waits(file):
            opener = _fifo.open_for_file
        super().__init__(file, mode, closefd, opener)

    def __repr__(self) -> str:
        return with_module(self, super().__repr__())

    def _call(self, plain: Callable[..., Any], green: Callable[..., Any], *args: Any) -> Any:
        return super()._call(plain, green, *args) if self._may_wait else plain(self, *args)


# What patching replaces in `io`.
FUNCTIONS: dict[str, Any] = {
    "BufferedRWPair": _file_objects.BufferedRWPair,
    "BufferedRandom": _file_objects.BufferedRandom,
    "BufferedReader": _file_objects.BufferedReader,
    "BufferedWriter": _file_objects.BufferedWriter,
    "FileIO": FileIO,
    "open": open,
}
