"""A plugin of pytest that patches: ``pytest -p greenrt.monkey.pytest_plugin``.

It patches before pytest imports conftest files, tests, and the plugins that have an entry point. Some of these
plugins import libraries that keep references to what patching replaces: anyio's plugin imports trio, whose generated
functions hold `queue.SimpleQueue`. This plugin has no entry point, so it is active only where ``-p`` names it.
"""

from functools import cache

from greenrt.monkey.patches import patch_all

__all__ = ["pytest_plugin_registered", "pytest_report_header"]

# Once in a process: a test may end or change the patches.
_patch = cache(patch_all)


def pytest_plugin_registered() -> None:
    """Patch. pytest calls this for each plugin, and for this one as soon as it has imported it."""
    _patch()


def pytest_report_header() -> str:
    """Return the line of the header that says so."""
    return "greenrt: the standard library is patched"
