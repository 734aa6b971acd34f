"""Rules for every test: a time limit, no leaks, an up-to-date build, and a seed that is printed.

Warnings are errors (pyproject.toml). A test that needs more time than the limit is marked with
``@pytest.mark.time_limit(seconds)``.
"""

import gc
import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import build, time_limit
from support.leaks import Holdings, settle

import greenrt

# The limit for one test in seconds, fixtures included. At the limit the watchdog prints the stacks of all threads and
# ends the run: a process that has hung once gives no further results.
LIMIT = float(os.environ.get("GREENRT_TEST_LIMIT", "60"))


# The interpreter's own tests, which tests/stdlib runs in its own way.
collect_ignore = ["stdlib/left_out"]

# The names of the tests marked promised_order, one per line. Each is a promise to users: new ones are added by hand.
PROMISED = Path(__file__).with_name("promised_order.txt")

SEED = os.environ.get("GREENRT_SEED", "")


def pytest_configure(config: pytest.Config) -> None:
    stale = build.stale()
    if stale:
        raise pytest.UsageError(
            "the build under test is stale; run `make build` (or `make test`, which does):\n    "
            + "\n    ".join(stale)
        )
    # If a shell has started this process in the background, it ignores Ctrl-C, and its children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # pytest replaces fd 2 while a test runs.
    config.stash[REAL_STDERR] = os.fdopen(os.dup(2), "w")


REAL_STDERR = pytest.StashKey()


def pytest_unconfigure(config: pytest.Config) -> None:
    stderr = config.stash.get(REAL_STDERR, None)
    if stderr is not None:
        time_limit.disarm()
        stderr.close()


def pytest_report_header() -> str:
    where = os.path.dirname(greenrt.__file__)
    return f"greenrt: {greenrt.__build__} build at {where}, GREENRT_SEED={SEED or 'unset'}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check the list of tests of a promised order, and deselect them in a run with a random order."""
    marked = {_plain_id(item) for item in items if item.get_closest_marker("promised_order")}
    unknown = marked - set(PROMISED.read_text().split())
    if unknown:
        raise pytest.UsageError(
            f"promised orders that {PROMISED.name} does not list; is this order really promised to users?\n    "
            + "\n    ".join(sorted(unknown))
        )
    if SEED:
        config.hook.pytest_deselected(items=[item for item in items if _plain_id(item) in marked])
        items[:] = [item for item in items if _plain_id(item) not in marked]


def _plain_id(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def pytest_collection_finish() -> None:
    _freeze()


def _freeze() -> None:
    # Objects that exist now do not come from the next test, so the leak oracle does not have to look at them again.
    gc.collect()
    gc.freeze()


# What the tests leave for good, such as imported modules and reports, would make each test slower than the last.
TESTS_PER_FREEZE = 50
_counted = itertools.count(1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if next(_counted) % TESTS_PER_FREEZE == 0:
        _freeze()
    marker = item.get_closest_marker("time_limit")
    stderr = item.config.stash[REAL_STDERR]
    time_limit.arm(marker.args[0] if marker else LIMIT, stderr)
    try:
        return (yield)
    finally:
        time_limit.disarm()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:
        report.sections.append(
            (
                "greenrt",
                f"{greenrt.__build__} build, {sys.version.split()[0]}, GREENRT_SEED={SEED or 'unset'}",
            )
        )
    if call.when == "call":
        item.stash[FAILED] = report.failed
    return report


FAILED = pytest.StashKey()


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaks. A failed test is not checked, since its traceback keeps objects alive."""
    before = Holdings()
    yield
    if request.node.stash.get(FAILED, True):
        return
    leaks = settle(before)
    if leaks:
        pytest.fail("left behind:\n    " + "\n    ".join(leaks), pytrace=False)


@pytest.fixture
def hub() -> greenrt.Hub:
    """Return the hub of the main thread."""
    return greenrt.get_hub()


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Suppress the output for errors of greenlets that the test causes on purpose."""
    hub = greenrt.get_hub()
    before = hub.exception_stream
    hub.exception_stream = None
    yield
    hub.exception_stream = before
