"""The builtin `input`, cooperative at a terminal. Otherwise the original reads from `sys.stdin`, which cooperates.

At a terminal, the interpreter reads from the C library's stream. A terminal in its usual, canonical mode is readable
as soon as it has a line, an end of file or a hang-up. Then the original call returns without waiting. If the module
readline is loaded, the original call runs alone: it edits the line while it waits.
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

# Only one greenlet may read a line at a time: a second one would wait in C for the next line.
_turn = RLock()


@unbound
def input(prompt: object = "", /) -> str:
    """Show the prompt, and return a line from standard input. See the builtin `input`."""
    if not _at_terminal() or "readline" in sys.modules:
        return _original.input(prompt)
    text = str(prompt)
    if "\0" in text:
        # Depending on the version, this is an error or cuts the prompt.
        return _original.input(text)
    with _turn:
        _show(text)
        wait_read(STDIN)
        return _original.input()


def _at_terminal() -> bool:
    """Return whether the interpreter reads from the terminal, not from `sys.stdin`."""
    # If stderr is None, the original call reports that.
    return sys.stderr is not None and _is_terminal(sys.stdin, STDIN) and _is_terminal(sys.stdout, STDOUT)


def _is_terminal(stream: Any, fd: int) -> bool:
    try:
        return stream.fileno() == fd and os.isatty(fd)
    except Exception:
        # The stream is closed, None or an object of the program. The original call reports the error.
        return False


def _show(prompt: str) -> None:
    """Write the prompt as the original call does: to stderr, in the encoding of stdout, after any buffered output."""
    for stream in (sys.stderr, sys.stdout):
        with suppress(Exception):
            stream.flush()
    data = prompt.encode(sys.stdout.encoding, sys.stdout.errors or "strict")
    while data:
        data = data[os.write(STDERR, data) :]


# The functions that patching replaces in `builtins`.
FUNCTIONS: dict[str, Any] = {"input": input}
