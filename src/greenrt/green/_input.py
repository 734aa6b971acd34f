"""The builtin `input`, cooperative at a terminal. Elsewhere the original reads through `sys.stdin`, which cooperates.

At a terminal the interpreter reads from the C library's stream. A terminal in its usual, canonical mode is readable
once a line, an end of file or a hang-up is there, so the original call returns without waiting then. With the module
readline the original call is left alone: it edits the line while it waits.
"""

import os
import sys
from contextlib import suppress

from greenrt import _original
from greenrt._hub.fd_wait import wait_read
from greenrt._native.unbound import unbound
from greenrt._typing import Any
from greenrt.sync.lock import RLock

__all__ = ["FUNCTIONS", "input"]

# The file descriptors that the interpreter compares with those of sys.stdin and sys.stdout.
STDIN, STDOUT, STDERR = 0, 1, 2

# A line is for one greenlet: a second one would wait in C for the next line.
_turn = RLock()


@unbound
def input(prompt: object = "", /) -> str:
    """Read a line from standard input, after the prompt. See the builtin `input`."""
    if not _at_terminal() or "readline" in sys.modules:
        return _original.input(prompt)
    text = str(prompt)
    if "\0" in text:
        # An error, or a prompt cut short, by version.
        return _original.input(text)
    with _turn:
        _show(text)
        wait_read(STDIN)
        return _original.input()


def _at_terminal() -> bool:
    """Tell whether the interpreter reads from the terminal, not through `sys.stdin`."""
    # Without stderr the original call reports that it is missing.
    return sys.stderr is not None and _is_terminal(sys.stdin, STDIN) and _is_terminal(sys.stdout, STDOUT)


def _is_terminal(stream: Any, fd: int) -> bool:
    try:
        return stream.fileno() == fd and os.isatty(fd)
    except Exception:
        # Of a stream that is closed, None or the program's own. The original call reports what is wrong.
        return False


def _show(prompt: str) -> None:
    """Write the prompt as the original call does: to stderr, in the encoding of stdout, after what is buffered."""
    for stream in (sys.stderr, sys.stdout):
        with suppress(Exception):
            stream.flush()
    data = prompt.encode(sys.stdout.encoding, sys.stdout.errors or "strict")
    while data:
        data = data[os.write(STDERR, data) :]


# What patching replaces in `builtins`.
FUNCTIONS: dict[str, Any] = {"input": input}
