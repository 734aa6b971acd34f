"""eventlet's own tests, over greenrt: what passes over eventlet passes, but for a table of differences."""

from pathlib import Path

import pytest
from compat.eventlet_suite import expected, harness

# Of the tests that pass over eventlet and are not about its inside, at least so many pass over greenrt.
LEAST = 0.9


@pytest.mark.compat
@pytest.mark.time_limit(1500)
@pytest.mark.parametrize("file", harness.files())
def test_file(file: str, tmp_path: Path) -> None:
    if harness.home() is None:
        pytest.skip("eventlet's tests are not here; `make test-compat` gets them")
    if file in expected.FILES:
        pytest.skip(expected.FILES[file])
    known = {name for name in expected.DIFFERENCES if name.partition("::")[0] == file}
    found = harness.run(file, tmp_path)
    wanted = {name for name in harness.PASSING if name.partition("::")[0] == file}
    report = [
        f"{name}\n{found.get(name, 'it did not run')}"
        for name in sorted(wanted - known)
        if found.get(name) not in ("passed", "skipped")
    ]
    report += [
        f"{name} passes: take it out of the table"
        for name in sorted(known - expected.UNSTEADY)
        if found.get(name) == "passed"
    ]
    assert not report, "\n\n".join(
        [f"{list(found.values()).count('passed')} of {len(found)} passed", *report]
    )


def test_the_table_has_only_tests_that_pass_over_eventlet() -> None:
    assert set(expected.DIFFERENCES) <= harness.PASSING
    assert set(expected.FILES) <= set(harness.files())


def test_the_share_of_tests_that_pass() -> None:
    """Count the table: tests of eventlet's inside are no part of it."""
    tested = {
        name
        for name in harness.PASSING
        if name.partition("::")[0] not in expected.FILES
        and expected.DIFFERENCES.get(name) not in expected.INSIDE
    }
    passing = tested - set(expected.DIFFERENCES)
    assert len(passing) / len(tested) >= LEAST, f"{len(passing)} of {len(tested)}"
