"""A plugin of pytest that runs the wanted tests and logs each as it begins and ends: see support.suite_run.

It runs in the library's environment, so it imports nothing but the standard library and pytest.
"""

import json
import os

import pytest

LOG = os.environ["GREENRT_SUITE_LOG"]
WANTED = os.environ["GREENRT_SUITE_WANTED"]
OWNER = os.getpid()

# The worst of a test's phases is the outcome of the test.
RANK = {"passed": 0, "skipped": 1, "failed": 2}


class Recorder:
    """Writes each line with one system call, because this process may be killed at any time."""

    def __init__(self) -> None:
        self.file = os.open(LOG, os.O_WRONLY | os.O_APPEND)
        self.reports: list[pytest.TestReport] = []
        # Tests that a tool for flaky tests repeats count once.
        with open(WANTED) as file:
            wanted = json.load(file)
        self.only = None if wanted["only"] is None else set(wanted["only"])
        self.skip = set(wanted["skip"])

    def write(self, **record: str) -> None:
        # Forked children of a test inherit this plugin.
        if os.getpid() == OWNER:
            os.write(self.file, json.dumps(record).encode() + b"\n")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        kept = [
            item
            for item in items
            if item.nodeid not in self.skip and (self.only is None or item.nodeid in self.only)
        ]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        # A file that cannot be imported counts as one test.
        if not report.passed:
            self.write(test=report.nodeid, outcome=report.outcome, detail=report.longreprtext)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.reports = []
        self.write(test=nodeid, outcome="began")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.reports.append(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        worst = max(self.reports, key=rank, default=None)
        if worst is not None:
            outcome = "passed" if rank(worst) == 0 else worst.outcome
            self.write(test=nodeid, outcome=outcome, detail=worst.longreprtext[-4000:])

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        # An interrupt leaves tests that have not run.
        if exitstatus != pytest.ExitCode.INTERRUPTED:
            self.write(outcome="done")


def rank(report: pytest.TestReport) -> int:
    """Return how bad a phase's outcome is; an expected failure is as good as a success."""
    return 0 if hasattr(report, "wasxfail") and report.skipped else RANK[report.outcome]


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Recorder(), "greenrt-recorder")
