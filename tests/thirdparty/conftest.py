"""The table of all suites, at the end of the run."""

import pytest
from thirdparty.harness import Comparison

COMPARISONS = pytest.StashKey[list[tuple[Comparison, int]]]()
HEADER = (
    "library",
    "version",
    "tests",
    "passed",
    "patched",
    "lost",
    "expected",
    "gained",
    "unstable",
    "seconds",
)


@pytest.fixture
def table(request: pytest.FixtureRequest) -> list[tuple[Comparison, int]]:
    """The rows of the table: a comparison, and how many of its lost tests are expected."""
    return request.config.stash.setdefault(COMPARISONS, [])


def row(comparison: Comparison, expected: int) -> tuple[str, ...]:
    """Return the row of one library."""
    figures = (
        len(comparison.plain.tests),
        len(comparison.plain.good()),
        len(comparison.patched.good()),
        len(comparison.lost),
        expected,
        len(comparison.gained),
        len(comparison.unstable),
        f"{comparison.plain.seconds:.0f}+{comparison.patched.seconds:.0f}",
    )
    return (comparison.library.name, comparison.library.version, *map(str, figures))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = [row(*entry) for entry in config.stash.get(COMPARISONS, [])]
    if not rows:
        return
    terminalreporter.section("libraries' own suites")
    widths = [max(map(len, column)) for column in zip(HEADER, *rows, strict=True)]
    for cells in (HEADER, *rows):
        first, second = cells[0].ljust(widths[0]), cells[1].ljust(widths[1])
        rest = (cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True))
        terminalreporter.write_line("  ".join((first, second, *rest)))
