"""Runs one of the interpreter's own test modules, patched or not, and logs each test as it begins and ends.

    python child.py MODULE patched|unpatched LOG [FILTER]

FILTER is a JSON file: {"only": [test ids] or null, "skip": [test ids]}. LOG gets JSON lines; what a crash or a hang
interrupts is the test that began last.
"""

import json
import os
import sys
import tempfile
import unittest
from types import TracebackType

PATCHED = sys.argv[2] == "patched"
if PATCHED:
    from greenrt import monkey

    monkey.patch_all()

import test  # noqa: E402
from test import support  # noqa: E402

# `make install` of 3.11 and 3.12 forgot some modules. Here, since multiprocessing's children look for them too.
test.__path__.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "left_out"))

# Modules that ask for "network" and stay on this machine.
LOOPBACK = {"test_socketserver": ["network"]}

Error = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Log(unittest.TestResult):
    """Writes what happens, unbuffered: this process may be killed at any time."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.owner = os.getpid()
        self.bad = None

    def write(self, **record: object) -> None:
        # A child that a test forked may come by here.
        if os.getpid() == self.owner:
            os.write(self.file, json.dumps(record).encode() + b"\n")

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.bad = None
        self.write(test=test.id(), outcome="began")

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        if self.bad is not None:
            self.write(test=test.id(), outcome=self.bad[0], detail=self.bad[1])

    def _note(self, test: unittest.TestCase, outcome: str, detail: str) -> None:
        # The setUpClass of unittest's _ErrorHolder has no startTest.
        if isinstance(test, unittest.TestCase):
            self.bad = (outcome, detail)
        else:
            self.write(test=test.id(), outcome=outcome, detail=detail)

    def addSuccess(self, test: unittest.TestCase) -> None:
        if self.bad is None:
            self._note(test, "passed", "")

    def addError(self, test: unittest.TestCase, err: Error) -> None:
        self._note(test, "failed", self._exc_info_to_string(err, test))

    addFailure = addError

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Error | None) -> None:
        if err is not None:
            self._note(test, "failed", f"{subtest}: {self._exc_info_to_string(err, test)}")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        if self.bad is None or self.bad[0] != "failed":
            self._note(test, "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Error) -> None:
        self._note(test, "passed", "expected to fail")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._note(test, "failed", "unexpected success")


def chosen(suite: unittest.TestSuite, only: set[str] | None, skip: set[str]) -> unittest.TestSuite:
    """Return the suite without the tests that are not wanted; fixtures of modules and classes stay."""
    kept = type(suite)() if isinstance(suite, unittest.TestSuite) else unittest.TestSuite()
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            kept.addTest(chosen(item, only, skip))
        elif item.id() not in skip and (only is None or item.id() in only):
            kept.addTest(item)
    return kept


def main() -> None:
    name, log = sys.argv[1], sys.argv[3]
    wanted = {"only": None, "skip": []}
    if len(sys.argv) > 4:
        with open(sys.argv[4]) as file:
            wanted = json.load(file)
    # As `python -m test -u cpu,subprocess,walltime,decimal` does.
    support.use_resources = ["cpu", "subprocess", "walltime", "decimal", *LOOPBACK.get(sys.argv[1], ())]
    support.verbose = 0
    os.chdir(tempfile.mkdtemp(prefix="stdlib-"))
    result = Log(log)
    try:
        suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{name}")
    except unittest.SkipTest as reason:
        result.write(test=f"test.{name}", outcome="skipped", detail=str(reason))
        return
    only = None if wanted["only"] is None else set(wanted["only"])
    chosen(suite, only, set(wanted["skip"])).run(result)
    result.write(outcome="done")


# multiprocessing's children import this file again.
if __name__ == "__main__":
    main()
