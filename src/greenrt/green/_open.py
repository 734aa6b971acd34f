"""The builtin `open` and `io.FileIO`, which cooperate if a file may have to wait: pipes, FIFOs and terminals.

Regular files have no readiness. They are opened, read and written as in CPython.
"""

import sys
import warnings
from abc import ABCMeta
from collections.abc import Callable
from functools import partial
from io import text_encoding

from greenrt import _original
from greenrt._typing import Any
from greenrt.green import _fd_io, _fifo, _file_objects
from greenrt.green._fds import without_bool

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


class _StandardKind(ABCMeta):
    """The type of `FileIO`. It accepts instances and subclasses of the standard FileIO, and is immutable."""

    def __setattr__(cls, name: str, value: Any) -> None:
        # While the class statement runs, the class has no name yet.
        if cls is globals().get("FileIO"):
            # Raises TypeError with the text of this Python version.
            setattr(_original.FileIO, name, value)
        super().__setattr__(name, value)

    def __delattr__(cls, name: str) -> None:
        if cls is FileIO:
            delattr(_original.FileIO, name)
        super().__delattr__(name)

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or (
            cls is FileIO and isinstance(instance, _original.FileIO)
        )

    def __subclasscheck__(cls, kind: type) -> bool:
        return super().__subclasscheck__(kind) or (cls is FileIO and issubclass(kind, _original.FileIO))


class FileIO(_file_objects.FileIO, metaclass=_StandardKind):
    # The class has the name, repr and documentation of the class that it replaces.
    __module__ = "_io"
    __doc__ = _original.FileIO.__doc__

    def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
        if opener is None and not isinstance(file, int) and _fifo.waits(file):
            opener = _fifo.open_for_file
        super().__init__(file, mode, closefd, opener)

    def __repr__(self) -> str:
        # From CPython 3.13 on, it begins with the C name of the class, which has no module here.
        text = super().__repr__()
        return text.replace("<FileIO ", "<_io.FileIO ", 1) if type(self) is FileIO else text

    def _call(self, plain: Callable[..., Any], green: Callable[..., Any], *args: Any) -> Any:
        return super()._call(plain, green, *args) if self._may_wait else plain(self, *args)


# What patching replaces in `io`.
FUNCTIONS: dict[str, Any] = {"FileIO": FileIO, "open": open}
