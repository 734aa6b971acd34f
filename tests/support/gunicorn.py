"""gunicorn as a process of its own."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.child import environment

__all__ = ["WORKER", "gunicorn"]

WORKER = "greenrt.adapters.gunicorn.Worker"


@contextmanager
def gunicorn(
    folder: Path, program: str, *options: str, worker: str = WORKER, bind: str = "127.0.0.1:0"
) -> Iterator[tuple[Any, str]]:
    """Run gunicorn and yield its process and the address, once it serves."""
    (folder / "program.py").write_text(program)
    basic = ["-k", worker, "-b", bind, "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *basic, *options, "program:app"]
    process = subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True)
    lines: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if found := re.search(r"Listening at: ((?:https?|unix):\S+)", line):
            break
    else:
        raise AssertionError("".join(lines))
    reading = threading.Thread(target=lambda: lines.extend(process.stderr))
    reading.start()
    process.lines = lines  # type: ignore[attr-defined]
    try:
        yield process, found[1]
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
            reading.join()
            process.stderr.close()
