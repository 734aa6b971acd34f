"""The command ``greenrt doctor``: what patching did not reach in a program, and which of its modules block."""

import atexit
import os
import signal
import subprocess
import sys
import tempfile

from greenrt import _alias, _original
from greenrt._native.helper import start_helper
from greenrt._typing import Any
from greenrt.cli.stand_in import stand_in, take_option
from greenrt.cli.versions import doctor_lines
from greenrt.inspect.remedies import REMEDIES
from greenrt.monkey import blocking_modules
from greenrt.monkey.patches import patch_all
from greenrt.monkey.runner import run
from greenrt.monkey.state import report

__all__ = ["diagnose", "doctor", "observe"]

USAGE = """usage: greenrt doctor [--check] [--as NAMES] [-m MODULE | -c COMMAND | SCRIPT | -] [ARGUMENT ...]

Runs the program as `greenrt run` does. When the program has ended, prints what could not be patched and which of its
imported modules block. Without a program, prints which installed modules block. The last line is a verdict.

  --check       exit with code 1 if there are findings and the program itself ended with 0
  --as NAMES    serve gevent, eventlet or both by greenrt [GREENRT_AS]

examples:
  greenrt doctor
  greenrt doctor script.py --its-option
  greenrt doctor --check -m package.module

exit codes: that of the program, 128 + the signal that killed it; 0 without a program; 1: --check has findings;
            2: wrong arguments
environment: as for `greenrt run`, see `greenrt run --help`
"""

# The last line of a report: written at the end of the program, or before a signal that may end it.
COMPLETE = "complete"
SNAPSHOT = "snapshot"
# The time between two checks for new imports, in seconds.
INTERVAL = 0.1

OBSERVE = (
    "import sys; from greenrt.cli.doctor import observe; observe(sys.argv[1], sys.argv[2], sys.argv[3:])"
)


def diagnose() -> list[str]:
    """Return the lines of the diagnosis: versions, the report of patching, and calls and modules that may block."""
    return [*doctor_lines(), *_findings()]


def _findings() -> list[str]:
    remedies = sorted((blocking_modules.loaded() | blocking_modules.calls()).items())
    return report() + [f"beware: {name}: {remedy}" for name, remedy in remedies]


def _verdict(findings: list[str]) -> tuple[str, int]:
    """Return the last line of a report, and the number of findings that need attention."""
    problems = [line for line in findings if not line.startswith("patched: ")]
    if not problems:
        return "verdict: as far as can be seen, everything that blocks was patched", 0
    things = "thing needs" if len(problems) == 1 else "things need"
    return (
        f"verdict: {len(problems)} {things} attention: each line above that does not begin with 'patched'",
        len(problems),
    )


def doctor(arguments: list[str]) -> int:
    """Run ``greenrt doctor arguments...``; return the exit code, which is that of the program if one is given."""
    check = arguments[:1] == ["--check"]
    if check:
        arguments = arguments[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    given, arguments = take_option(arguments, "greenrt doctor")
    stand_in(given, "greenrt doctor")
    if arguments:
        return _examine(arguments, check)
    patch_all()
    findings = _findings()
    print(*doctor_lines(), *findings, sep="\n")
    for name in blocking_modules.installed():
        print(f"installed; beware when it is used: {name}: {REMEDIES[name]}")
    verdict, problems = _verdict(findings)
    print(verdict)
    return 1 if check and problems else 0


def _examine(arguments: list[str], check: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="greenrt-doctor-") as folder:
        path = os.path.join(folder, "report")
        # Ctrl-C must end the program, not its doctor. A handler is needed, because the child would inherit SIG_IGN.
        before = signal.signal(signal.SIGINT, lambda number, frame: None)
        try:
            code = subprocess.call(
                [sys.executable, "-c", OBSERVE, path, ",".join(_alias.installed()), *arguments]
            )
        finally:
            signal.signal(signal.SIGINT, before)
        try:
            with open(path) as file:
                findings = file.read().splitlines()
        except FileNotFoundError:
            findings = []
    if not findings:
        # The usual reason is a wrong argument.
        print(f"greenrt doctor: no report: the program did not start ({_ending(code)})", file=sys.stderr)
        return _exit_code(code)
    complete = findings.pop() == COMPLETE
    print(*doctor_lines(), *findings, sep="\n")
    if not complete:
        print(f"the program was {_ending(code)}: these are the findings shortly before")
    verdict, problems = _verdict(findings)
    print(verdict)
    return 1 if check and problems and code == 0 else _exit_code(code)


def _ending(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def _exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code


class _Observer:
    """Keep the file at `path` up to date with the findings in this process, which may end in any way."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.process = os.getpid()
        # The number of modules and recorded calls in the last report.
        self.seen = 0
        # A reentrant lock: the hook of `os.kill` may be called during a write.
        self.lock = _original.RLock()

    def write(self, last: str) -> None:
        """Write a report, whose last line is `last`. Do nothing in the child of a fork."""
        if os.getpid() != self.process:
            return
        with self.lock:
            self.seen = len(sys.modules) + len(blocking_modules.calls())
            # The doctor adds the versions, because nothing may be imported here. A module with a namedtuple evaluates
            # a string, after which CPython has forgotten that Ctrl-C ended the program.
            text = "\n".join([*_findings(), last, ""])
            new = f"{self.path}.new"
            with open(new, "w") as file:
                file.write(text)
            os.replace(new, self.path)

    def watch(self) -> None:
        """Write again after each import and recorded call, since a signal may kill the program.

        Runs in a native thread.
        """
        while True:
            _original.sleep(INTERVAL)
            if len(sys.modules) + len(blocking_modules.calls()) != self.seen:
                try:
                    self.write(SNAPSHOT)
                except RuntimeError:
                    # The program changed the inspected data.
                    continue

    def write_before(self, module: Any, name: str, last: str) -> None:
        """Make a function that ends the process at once write a report first."""
        function = getattr(module, name)

        def ends(*args: Any, **kwargs: Any) -> Any:
            self.write(last)
            return function(*args, **kwargs)

        setattr(module, name, ends)

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Record calls that wait in C, and write before the program sends a signal, perhaps to itself."""
        blocking_modules.record_call(event, args)
        if event in ("os.kill", "os.killpg", "signal.pthread_kill"):
            self.write(SNAPSHOT)


def observe(path: str, names: str, arguments: list[str]) -> None:
    """Run the program and write the findings into the file at `path`, at the latest when the process ends.

    `names` are those of the packages that greenrt stands in for, with commas between them.
    """
    if names:
        _alias.install(*names.split(","))
    observer = _Observer(path)
    # Registered before the program's handlers, so called after them.
    atexit.register(observer.write, COMPLETE)
    observer.write_before(os, "_exit", COMPLETE)
    observer.write_before(os, "abort", SNAPSHOT)
    sys.addaudithook(observer.audit)
    # Patch before the helper starts: the report would say that native threads had been started before patching.
    patch_all()
    # Patching replaces this function, so this line follows it.
    observer.write_before(signal, "raise_signal", SNAPSHOT)
    start_helper(observer.watch, ())
    run(arguments, "greenrt doctor")
