"""The builtin `open` and `io.FileIO`, which cooperate where a file may have to wait: pipes, FIFOs and terminals.

Regular files, which have no readiness, are opened, read and written as always.
"""

import sys
from abc import ABCMeta
from collections.abc import Callable
from io import text_encoding

from greenrt import _original
from greenrt._typing import Any
from greenrt.green import fdio, fifo, fileobject

__all__ = ["FUNCTIONS", "FileIO", "open"]


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
    """Open a path, or a file object over an fd. See `io.open`."""
    if encoding is None and sys.flags.warn_default_encoding and "b" not in mode:
        # The warning must name the line of the caller, not the one below.
        encoding = text_encoding(encoding)
    make = _original.open
    if isinstance(file, int):
        if fdio.may_wait(file):
            make = fileobject.open
    elif opener is None and fifo.waits(file):
        make = fileobject.open
        opener = fifo.open_for_file
    return make(file, mode, buffering, encoding, errors, newline, closefd, opener)


class _StandardKind(ABCMeta):
    """The type of `FileIO`, which counts the standard FileIO's instances and subclasses as its own."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or (
            cls is FileIO and isinstance(instance, _original.FileIO)
        )

    def __subclasscheck__(cls, kind: type) -> bool:
        return super().__subclasscheck__(kind) or (cls is FileIO and issubclass(kind, _original.FileIO))


class FileIO(fileobject.FileIO, metaclass=_StandardKind):
    # The class is called, printed and documented as the one that it replaces.
    __module__ = "_io"
    __doc__ = _original.FileIO.__doc__

    def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
        if opener is None and not isinstance(file, int) and fifo.waits(file):
            opener = fifo.open_for_file
        super().__init__(file, mode, closefd, opener)

    def __repr__(self) -> str:
        # From CPython 3.13 on it begins with the C name of the class, which has no module here.
        return super().__repr__().replace("<FileIO ", "<_io.FileIO ", 1)

    def _call(self, plain: Callable[..., Any], green: Callable[..., Any], *args: Any) -> Any:
        return super()._call(plain, green, *args) if self._may_wait else plain(self, *args)


# What patching replaces in `io`.
FUNCTIONS: dict[str, Any] = {"FileIO": FileIO, "open": open}
