"""The standard streams of `greenrt serve`: a reader that does not read suspends greenlets, and never the server."""

import io
import os
import sys
from contextlib import suppress

from greenrt import joinall, spawn
from greenrt._typing import Any
from greenrt.green import _fd_io, _file_objects

__all__ = ["cooperate", "finish", "say"]

# How long, in seconds, a line about the server's life waits for a reader.
PATIENCE = 1.0
NAMES = ("stdout", "stderr")
# The fds of the streams that `cooperate` has made. The application may put objects without one in their place.
_fds: dict[str, int] = {}


class _Unbuffered(_file_objects.BufferedWriter):
    """Keeps nothing back. Unlike a raw file, it has a flush that waits for the greenlets that write."""

    def write(self, data: Any, /) -> int:
        count: int = super().write(data)
        self.flush()
        return count


def cooperate() -> None:
    """Replace `sys.stdout` and `sys.stderr`, where they may wait, by streams that suspend only the greenlet."""
    for name in NAMES:
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):
            continue
        with suppress(OSError, ValueError):
            fd = stream.fileno()
            if _fd_io.may_wait(fd):
                stream.flush()
                setattr(sys, name, _cooperative(stream, fd))
                _fds[name] = fd


def _cooperative(stream: io.TextIOWrapper, fd: int) -> io.TextIOWrapper:
    raw = _file_objects.FileIO(fd, "w", closefd=False)
    # With -u or PYTHONUNBUFFERED, there is no buffer between the text and the fd.
    kind = _Unbuffered if isinstance(stream.buffer, io.RawIOBase) else _file_objects.BufferedWriter
    return io.TextIOWrapper(
        kind(raw),
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def say(line: str) -> None:
    """Write a line to stdout. Neither a failure nor a reader that does not read holds up the server."""
    spawn(_write, line).join(PATIENCE)


def _write(line: str) -> None:
    try:
        print(line, flush=True)
    except Exception:
        # The reason may be a closed pipe, a full disk, a closed stdout, or the application's replacement of it. Its
        # buffered text would fail again at the end.
        with suppress(OSError, ValueError):
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (it stays open)


def finish() -> None:
    """Write what the streams have buffered; discard what no reader takes, so that the process can end."""
    flushes = {name: spawn(_flush, getattr(sys, name)) for name in NAMES if getattr(sys, name) is not None}
    joinall(list(flushes.values()), PATIENCE)
    for name, flush in flushes.items():
        if not flush.dead and name in _fds:
            nowhere = open(os.devnull, "w")  # noqa: SIM115 (it stays open)
            # This also wakes the greenlets that wait to write.
            _fd_io.dup2(nowhere.fileno(), _fds[name])
            # Python flushes the stream at exit, and the greenlets may never get to end their use of the old one.
            setattr(sys, name, nowhere)


def _flush(stream: Any) -> None:
    with suppress(Exception):
        stream.flush()
