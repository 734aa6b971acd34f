"""Run a foreign test-suite in child processes and attribute each hang and each crash to one test.

The child gets two paths. `wanted` is a JSON file that says which tests to run: {"only": [ids] or null, "skip":
[ids]}. The child appends JSON lines to `log`: {"test": id, "outcome": "began"} before a test, {"test": id,
"outcome": outcome, "detail": text} after it, and {"outcome": "done"} at the end. After a hang or a crash, a new child
runs the remaining tests.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["CRASH", "FAILED", "HANG", "PASSED", "PATIENCE", "SKIPPED", "Outcome", "Run", "Suite"]

# Seconds without a new line in the log after which the test that began last hangs. The start of a child, before the
# first line, may always take as long: a busy machine takes several seconds to import pytest and the tests.
PATIENCE = 60.0

PASSED = "passed"
FAILED = "failed"
SKIPPED = "skipped"
HANG = "hung"
CRASH = "crashed"


@dataclass
class Outcome:
    """The outcome of one test, with its traceback, its reason, or the end of the child's output."""

    outcome: str
    detail: str = ""


@dataclass
class Run:
    """The outcomes of one run of a suite, by test id."""

    tests: dict[str, Outcome] = field(default_factory=dict)
    seconds: float = 0.0

    def good(self) -> set[str]:
        return {name for name, outcome in self.tests.items() if outcome.outcome == PASSED}

    def bad(self) -> set[str]:
        return set(self.tests) - self.good()


@dataclass(frozen=True)
class Suite:
    """How to run one suite.

    `command` makes the child's command line from the paths of `log` and `wanted`. The child's environment also has
    `variables`. Outcomes of the whole process are recorded under `name`.
    """

    name: str
    command: Callable[[Path, Path], Sequence[str]]
    folder: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    patience: float = PATIENCE

    def run(self, only: set[str] | None = None) -> Run:
        """Run all tests, or `only` some, each once."""
        began = time.monotonic()
        result = Run()
        while self._attempt(result, only):
            pass
        result.seconds = time.monotonic() - began
        return result

    def _attempt(self, result: Run, only: set[str] | None) -> bool:
        """Run the remaining tests in one process; return whether a test ended that process early."""
        with tempfile.TemporaryDirectory(prefix="suite-") as folder:
            log, wanted, output = (Path(folder, name) for name in ("log", "wanted", "output"))
            log.touch()
            skip = sorted(self.left_out.union(result.tests))
            wanted.write_text(json.dumps({"only": None if only is None else sorted(only), "skip": skip}))
            with open(output, "wb") as out:
                child = subprocess.Popen(
                    self.command(log, wanted),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    cwd=self.folder,
                    start_new_session=True,
                    env={**os.environ, **self.variables, "TMPDIR": folder},
                )
                hung = _watch(child, log, self.patience)
            current, done, progress = _read(log, result)
            tail = output.read_bytes()[-2000:].decode(errors="replace")
        if done or (child.returncode == 0 and current is None):
            if hung:
                # All tests have ended, but the process has not.
                result.tests[f"{self.name} (exit)"] = Outcome(HANG, "the process does not end")
            return False
        result.tests[current or self.name] = Outcome(HANG if hung else CRASH, tail)
        return progress or current is not None


def _read(log: Path, result: Run) -> tuple[str | None, bool, bool]:
    """Add the log's outcomes to `result`; return the unfinished test, and whether all and whether any have ended."""
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
    return current, done, progress


def _watch(child: "subprocess.Popen[bytes]", log: Path, patience: float) -> bool:
    """Wait until the child ends, or kill it once its log stands still; return whether the log stood still."""
    size, since = -1, time.monotonic()
    try:
        while child.poll() is None:
            time.sleep(0.1)
            if log.stat().st_size != size:
                size, since = log.stat().st_size, time.monotonic()
            elif time.monotonic() - since > (patience if size else max(patience, PATIENCE)):
                return True
    finally:
        # The tests' own children end too.
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
    return False
