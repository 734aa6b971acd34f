"""A pytest plugin that patches: ``pytest -p greenrt.monkey.pytest_plugin``.

It patches before pytest imports conftest files, tests, and plugins with an entry point. Some of these plugins import
libraries that keep references to the replaced objects: anyio's plugin imports trio, whose generated functions hold
`queue.SimpleQueue`. This plugin has no entry point, so it is active only if ``-p`` names it. ``GREENRT_AS=gevent``
also makes it serve gevent by greenrt, see `greenrt.compat`.
"""

from functools import cache

from greenrt.monkey.patches import patch_all

from greenrt import _alias

__all__ = ["pytest_plugin_registered", "pytest_report_header"]


# Once in a process: a test may remove or change the patches.
@cache
def _patch() -> None:
    try:
        names = _alias.requested()
        if names:
            _alias.install(*names)
    except (ValueError, RuntimeError) as error:
        # Imported here because the documentation is built without pytest.
        import pytest  # type: ignore[import-not-found,unused-ignore]

        raise pytest.UsageError(str(error)) from None
    patch_all()


def pytest_plugin_registered() -> None:
    """Patch. pytest calls this for each plugin, and for this one as soon as it is imported.

    Raises UsageError, which pytest prints, if ``GREENRT_AS`` is wrong.
    """
    _patch()


def pytest_report_header() -> str:
    """Return the header line that says that the standard library is patched."""
    served = "".join(f", {name} is served by greenrt" for name in _alias.installed())
    return f"greenrt: the standard library is patched{served}"
