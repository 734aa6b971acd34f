"""Libraries' own tests, patched: each test that passes unpatched passes patched too, or there is a reason."""

import pytest
from thirdparty.expected import DIFFERENCES
from thirdparty.harness import Comparison, compare
from thirdparty.libraries import LIBRARIES, Library
from thirdparty.workshop import Workshop


@pytest.mark.thirdparty
@pytest.mark.time_limit(7200)
@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_library(library: Library, table: list[tuple[Comparison, int]]) -> None:
    workshop = Workshop(library)
    workshop.prepare()
    comparison = compare(workshop)
    workshop.report(lost=comparison.lost, gained=comparison.gained, unstable=comparison.unstable)
    expected = DIFFERENCES.get(library.name, {})
    table.append((comparison, len(comparison.lost.keys() & expected.keys())))
    details = [f"{name}\n{detail}" for name, detail in comparison.lost.items() if name not in expected]
    passing = comparison.patched.good() & expected.keys()
    details += [
        f"{name} passes; remove it from the table of expected differences" for name in sorted(passing)
    ]
    if not comparison.plain.good():
        pytest.fail(f"{library.name}: no test passes unpatched: {comparison.plain.tests}", pytrace=False)
    if details:
        pytest.fail("\n\n".join(details), pytrace=False)
