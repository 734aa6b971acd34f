"""Runs modules of the interpreter's own test-suite in child processes, with recovery from crashes and hangs."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

CHILD = Path(__file__).with_name("child.py")
LEFT_OUT = Path(__file__).with_name("left_out")

# Nothing logged for so long (seconds): the test that began last hangs.
PATIENCE = 60.0

HANG = "hung"
CRASH = "crashed"


@dataclass
class Outcome:
    """What became of one test."""

    outcome: str
    detail: str = ""


@dataclass
class Run:
    """What became of the tests of one module, by id."""

    module: str
    patched: bool
    tests: dict[str, Outcome] = field(default_factory=dict)
    seconds: float = 0.0

    def good(self) -> set[str]:
        return {name for name, outcome in self.tests.items() if outcome.outcome == "passed"}

    def bad(self) -> set[str]:
        return set(self.tests) - self.good()


def run(
    module: str,
    *,
    patched: bool,
    only: set[str] | None = None,
    left_out: frozenset[str] = frozenset(),
    patience: float = PATIENCE,
) -> Run:
    """Run `test.module`, or only some of its tests, each once; a test that hangs or crashes costs a new process."""
    began = time.monotonic()
    result = Run(module, patched)
    while _attempt(result, only, left_out, patience):
        pass
    result.seconds = time.monotonic() - began
    return result


def _attempt(result: Run, only: set[str] | None, left_out: frozenset[str], patience: float) -> bool:
    """Run what has not run yet in one process; return whether it ended early, by a test that it killed."""
    with tempfile.TemporaryDirectory(prefix="stdlib-") as folder:
        log, wanted = Path(folder, "log"), Path(folder, "wanted")
        log.touch()
        wanted.write_text(
            json.dumps({"only": only and sorted(only), "skip": sorted(left_out.union(result.tests))})
        )
        mode = "patched" if result.patched else "unpatched"
        with open(Path(folder, "output"), "wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-W", "ignore", str(CHILD), result.module, mode, str(log), str(wanted)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, "TMPDIR": folder},
            )
            hung = _watch(child, log, patience)
        current, done, progress = None, False, False
        for line in log.read_text().splitlines():
            record = json.loads(line)
            if record["outcome"] == "done":
                done = True
            elif record["outcome"] == "began":
                current = record["test"]
            else:
                progress = True
                result.tests[record["test"]] = Outcome(record["outcome"], record.get("detail", ""))
                current = None
        if done or (child.returncode == 0 and current is None):
            if hung:
                # All tests have ended, and the process has not: that is for the table too.
                result.tests[f"test.{result.module} (exit)"] = Outcome(HANG, "the process does not end")
            return False
        tail = Path(folder, "output").read_bytes()[-2000:].decode(errors="replace")
        if current is None:
            result.tests[f"test.{result.module}"] = Outcome(HANG if hung else CRASH, tail)
            return progress
        result.tests[current] = Outcome(HANG if hung else CRASH, tail)
        return True


def _watch(child: "subprocess.Popen[bytes]", log: Path, patience: float) -> bool:
    """Wait until the child ends, or kill it once its log stands still; return whether it was killed."""
    size, since = -1, time.monotonic()
    hung = False
    while child.poll() is None:
        time.sleep(0.1)
        if log.stat().st_size != size:
            size, since = log.stat().st_size, time.monotonic()
        elif time.monotonic() - since > patience:
            hung = True
            break
    try:
        # What the tests left behind goes too.
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    return hung


def differences(
    module: str, left_out: frozenset[str] = frozenset(), patience: float = PATIENCE
) -> tuple[Run, dict[str, str]]:
    """Run `module` patched, and unpatched what failed or was skipped; return what differs, with the detail."""
    patched = run(module, patched=True, left_out=left_out, patience=patience)
    suspects = patched.bad()
    if not suspects:
        return patched, {}
    whole = any(name.split(".")[-1].startswith(("setUp", "tearDown")) or " (" in name for name in suspects)
    plain = run(module, patched=False, only=None if whole else suspects, left_out=left_out, patience=patience)
    found = {}
    for name in sorted(suspects):
        mine, theirs = patched.tests[name], plain.tests.get(name)
        if theirs is None or theirs.outcome == "passed" or (mine.outcome == HANG and theirs.outcome != HANG):
            found[name] = f"{mine.outcome}: {mine.detail}"
    return patched, found


def have_tests() -> bool:
    """Tell whether this interpreter ships its own tests."""
    return Path(os.__file__).with_name("test").joinpath("test_socket.py").exists()


def has_module(module: str) -> bool:
    """Tell whether this version of Python has `test.module`, or we have it."""
    return find_spec(f"test.{module}") is not None or LEFT_OUT.joinpath(module + ".py").exists()
