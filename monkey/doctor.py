"""The command ``greenrt doctor``: what patching did not reach in a program, and what in it blocks all the same."""

import atexit
import os
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version

from greenrt.monkey import extensions
from greenrt.monkey.api import report
from greenrt.monkey.patches import patch_all
from greenrt.monkey.runner import run

import greenrt

__all__ = ["diagnose", "doctor", "observe"]

USAGE = """usage: greenrt doctor [-m MODULE | SCRIPT] [ARGUMENT ...]

Runs SCRIPT or MODULE as `greenrt run` does, and when it has ended tells what could not be patched and which of the
modules that it imported block. Without a program: tells of the modules that are installed.
"""

OBSERVE = "import sys; from greenrt.monkey.doctor import observe; observe(sys.argv[1], sys.argv[2:])"


def diagnose() -> list[str]:
    """Return, one a line: the versions, the report of patching, and what else may block in this process."""
    return [_versions(), *_findings()]


def _versions() -> str:
    stand_on = [f"{name} {_version(name)}" for name in ("greenlet", "pycares")]
    python = f"{sys.implementation.name} {sys.version.split()[0]}"
    return ", ".join([f"greenrt {greenrt.__version__} ({greenrt.__build__})", python, *stand_on])


def _findings() -> list[str]:
    remedies = sorted(extensions.loaded().items())
    return report() + [f"beware: {name}: {remedy}" for name, remedy in remedies]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def doctor(arguments: list[str]) -> int:
    """Run ``greenrt doctor arguments...``; return the exit code: that of the program, if one was given."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if arguments:
        return _examine(arguments)
    patch_all()
    print(*diagnose(), sep="\n")
    for name in extensions.installed():
        print(f"installed; beware when it is used: {name}: {extensions.REMEDIES[name]}")
    return 0


def _examine(arguments: list[str]) -> int:
    with tempfile.NamedTemporaryFile("r", prefix="greenrt-doctor-") as file:
        # Ctrl-C ends the program, not its doctor. (A handler, for the child would inherit SIG_IGN.)
        before = signal.signal(signal.SIGINT, lambda number, frame: None)
        try:
            code = subprocess.call([sys.executable, "-c", OBSERVE, file.name, *arguments])
        finally:
            signal.signal(signal.SIGINT, before)
        findings = file.read()
    if findings:
        print(_versions(), findings, sep="\n", end="")
    else:
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"left with code {code}"
        print(f"greenrt doctor: no report: the program was {how}, without its exit handlers", file=sys.stderr)
    return code if code >= 0 else 128 - code


def observe(path: str, arguments: list[str]) -> None:
    """Run the program, and write what is found into the file at `path` when the process ends."""
    process = os.getpid()

    def write() -> None:
        # Not in the child of a fork.
        if os.getpid() == process:
            with open(path, "w") as file:
                # The versions are the doctor's to say: nothing may be imported here. A module with a namedtuple
                # evaluates a string, after which CPython has forgotten that Ctrl-C ended the program.
                print(*_findings(), sep="\n", file=file)

    # Before the program's handlers, so called after them.
    atexit.register(write)
    run(arguments, "greenrt doctor")
