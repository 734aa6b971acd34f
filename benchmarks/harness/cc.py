"""Compiles the C programs of a benchmark when they are needed."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build" / "bench"


class NoCompiler(Exception):
    """There is no C compiler here."""


def program(source: Path, *flags: str) -> Path:
    """Return where the program of a source file is, or will be, compiled to."""
    return BUILD / "".join((source.stem, *flags))


def compile_program(source: Path, *flags: str) -> Path:
    """Compile one C file with ``$CC`` (``cc`` if unset) unless that was done; return the program.

    Raises NoCompiler where there is none, CalledProcessError with the compiler's words where it refuses.
    """
    target = program(source, *flags)
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return target
    compiler = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        raise NoCompiler(f"no C compiler ({compiler[0]})")
    BUILD.mkdir(parents=True, exist_ok=True)
    # Renamed into place: an interrupted compiler must not leave half a program that looks up to date.
    unfinished = target.with_suffix(f".{os.getpid()}")
    command = [*compiler, "-O2", "-Wall", "-Wextra", "-o", str(unfinished), str(source), *flags]
    subprocess.run(command, check=True, capture_output=True, text=True)
    unfinished.replace(target)
    return target
