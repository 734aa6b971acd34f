"""Run unittest's tests in a child of `suite_run`, and log each as it begins and ends."""

import json
import os
import unittest
from types import TracebackType

__all__ = ["Log", "chosen"]

Error = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Log(unittest.TestResult):
    """Writes what happens, unbuffered: this process may be killed at any time."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.owner = os.getpid()
        self.bad = None

    def name_of(self, test: unittest.TestCase) -> str:
        """Return the name of a test in the log."""
        return test.id()

    def write(self, **record: object) -> None:
        # A child that a test forked may come by here.
        if os.getpid() == self.owner:
            os.write(self.file, json.dumps(record).encode() + b"\n")

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.bad = None
        self.write(test=self.name_of(test), outcome="began")

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        if self.bad is not None:
            self.write(test=self.name_of(test), outcome=self.bad[0], detail=self.bad[1])

    def _note(self, test: unittest.TestCase, outcome: str, detail: str) -> None:
        # The setUpClass of unittest's _ErrorHolder has no startTest.
        if isinstance(test, unittest.TestCase):
            self.bad = (outcome, detail)
        else:
            self.write(test=self.name_of(test), outcome=outcome, detail=detail)

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
