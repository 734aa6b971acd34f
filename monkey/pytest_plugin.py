"""A plugin of pytest: ``pytest -p greenrt.monkey.pytest_plugin`` patches before conftest files and tests come in.

There is no entry point for it: only who names it gets it.
"""

from greenrt.monkey.patches import patch_all

__all__ = ["pytest_load_initial_conftests", "pytest_report_header"]


def pytest_load_initial_conftests() -> None:
    """Patch. pytest calls its own function of this name, which imports the first conftest files, last."""
    patch_all()


def pytest_report_header() -> str:
    """Say so in the header."""
    return "greenrt: the standard library is patched"
