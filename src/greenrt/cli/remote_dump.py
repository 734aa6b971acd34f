"""A dump of a process that has no socket to ask: sys.remote_exec of CPython 3.14 and newer runs a script there.

The main thread of the process runs the script as soon as it reaches Python code, so never while it waits in a call of
C. A script that comes too late finds no question any more, and only cleans up.
"""

import os
import shutil
import sys
import tempfile
import time

from greenrt._typing import Any
from greenrt.cli.other_process import OtherProcess, Refusal

__all__ = ["ask"]

# How often to look for the answer, in seconds.
PAUSE = 0.02

# What runs in the process, between two steps of its program: it must raise nothing and leave nothing behind.
SCRIPT = """
def _greenrt_dump(folder, format):
    import os, shutil, sys
    question, answer = os.path.join(folder, "question"), os.path.join(folder, "answer")
    try:
        os.unlink(question)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        return
    kind, text = "ok", ""
    write = open
    try:
        if "greenrt" not in sys.modules:
            kind, text = "error", "it runs Python without greenrt"
        else:
            # The program's own open may be patched, and then switches to other greenlets.
            from greenrt._original import open as write
            from greenrt.inspect.report import render
            text = "".join(render(format))
    except Exception as error:
        kind, text = "error", f"the dump has failed: {{type(error).__name__}}: {{error}}"
    try:
        with write(answer + ".part", "w", errors="backslashreplace") as file:
            print(kind, text, sep="\\n", file=file)
        os.rename(answer + ".part", answer)
    except OSError:
        pass

_greenrt_dump({folder!r}, {format!r})
del _greenrt_dump
"""


def ask(process: OtherProcess, format: str, deadline: float) -> bytes:
    """Return the answer of the process. Raise Refusal if it can't be asked, or has not answered by `deadline`."""
    process.check_same_python()
    remote_exec: Any = getattr(sys, "remote_exec", None)
    if remote_exec is None:
        raise Refusal(f"process {process.pid} has no socket to ask; start it with GREENRT_INSPECT=1")
    # mkdtemp makes a folder of mode 0700: others must not put another script in its place.
    folder = tempfile.mkdtemp(prefix="greenrt-dump-")
    try:
        _prepare(folder, process, format)
        try:
            remote_exec(process.pid, os.path.join(folder, "script.py"))
        except (OSError, RuntimeError) as error:
            raise Refusal(
                f"process {process.pid} has no socket to ask, and does not let sys.remote_exec in: {error}; "
                "start it with GREENRT_INSPECT=1"
            ) from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        kind, _, text = _await(process, os.path.join(folder, "answer"), deadline).partition(b"\n")
    except Refusal:
        # The process has ended.
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except BaseException as error:
        _leave(folder)
        if not isinstance(error, _TooLate):
            # For example, the user has given up (KeyboardInterrupt).
            raise
        raise Refusal(
            f"process {process.pid} has no socket to ask, and its main thread has not reached Python code in time: "
            "it waits in a call of C; start it with GREENRT_INSPECT=1"
        ) from None
    shutil.rmtree(folder, ignore_errors=True)
    if kind != b"ok":
        raise Refusal(f"process {process.pid}: {text.decode(errors='replace').strip()}")
    return text


def _prepare(folder: str, process: OtherProcess, format: str) -> None:
    _write(os.path.join(folder, "script.py"), SCRIPT.format(folder=folder, format=format))
    _write(os.path.join(folder, "question"), "")
    if os.geteuid() == 0:
        # The process must be able to read the script, and to write beside it.
        for path in (folder, *(os.path.join(folder, name) for name in os.listdir(folder))):
            os.chown(path, process.uid, -1)


def _leave(folder: str) -> None:
    """Leave the folder to the script, which removes it: without its file, CPython would print an error later."""
    try:
        os.unlink(os.path.join(folder, "question"))
    except FileNotFoundError:
        # It is answering now, too late.
        shutil.rmtree(folder, ignore_errors=True)


class _TooLate(Exception):
    """The deadline has passed."""


def _write(path: str, text: str) -> None:
    with open(path, "x") as file:
        file.write(text)


def _await(process: OtherProcess, path: str, deadline: float) -> bytes:
    while not os.path.exists(path):
        process.check_is_there()
        if time.monotonic() > deadline:
            raise _TooLate
        time.sleep(PAUSE)
    with open(path, "rb") as file:
        return file.read()
