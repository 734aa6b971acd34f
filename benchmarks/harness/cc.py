"""Compile the C programs of a benchmark when they are needed."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build" / "bench"


class NoCompiler(Exception):
    """This machine has no C compiler."""


def program(source: Path, *flags: str) -> Path:
    """Return the path of a compiled program, which need not exist yet."""
    return BUILD / "".join((source.stem, *flags))


def compile_program(source: Path, *flags: str) -> Path:
    """Compile one C file with ``$CC`` (default ``cc``) unless its program is up to date; return the program's path.

    Raise NoCompiler without a compiler, and CalledProcessError with the compiler's output if it fails.
    """
    target = program(source, *flags)
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return target
    compiler = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        raise NoCompiler(f"no C compiler ({compiler[0]})")
    BUILD.mkdir(parents=True, exist_ok=True)
    # The file is renamed into place: an interrupted compiler must not leave an incomplete program that looks up to
    # date.
    unfinished = target.with_suffix(f".{os.getpid()}")
    command = [*compiler, "-O2", "-Wall", "-Wextra", "-o", str(unfinished), str(source), *flags]
    subprocess.run(command, check=True, capture_output=True, text=True)
    unfinished.replace(target)
    return target


def compile_all(*sources: Path) -> str | None:
    """Compile C files; return the reason if that is impossible."""
    try:
        for source in sources:
            compile_program(source)
    except NoCompiler as error:
        return str(error)
    except subprocess.CalledProcessError as error:
        return f"the C compiler failed: {error.stderr.strip()}"
    return None
