"""The builtin `open`, which makes cooperative file objects of fds that may have to wait: of pipes and terminals.

What is opened by its path is as always, and so are regular files, which have no readiness.
"""

import sys
from io import text_encoding

from greenrt import _original
from greenrt._typing import Any
from greenrt.green import fdio, fileobject

__all__ = ["FUNCTIONS", "open"]


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
    green = isinstance(file, int) and fdio.may_wait(file)
    make = fileobject.open if green else _original.open
    return make(file, mode, buffering, encoding, errors, newline, closefd, opener)


FUNCTIONS: dict[str, Any] = {"open": open}
