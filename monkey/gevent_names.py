"""Names of gevent's monkey module that have no effect here, for programs written for gevent."""

__all__ = ["MonkeyPatchWarning", "patch_builtins", "patch_contextvars", "patch_selectors", "patch_sys"]


class MonkeyPatchWarning(RuntimeWarning):
    """gevent's warning class. greenrt never issues it: `report` returns what patching could not do."""


def patch_builtins() -> None:
    """Do nothing, as in gevent: Python 3 has an import lock for each module."""


def patch_contextvars() -> None:
    """Do nothing, as in gevent: greenlets have contexts of their own."""


def patch_selectors(aggressive: bool = True) -> None:
    """Do nothing: `patch_select` patches `selectors`."""


def patch_sys(stdin: bool = True, stdout: bool = True, stderr: bool = True) -> None:
    """Do nothing: `patch_os` makes `sys.stdin` cooperative, and the other streams stay as they are."""
