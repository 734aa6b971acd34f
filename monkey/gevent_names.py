"""Names of gevent's monkey module that have nothing to do here, for programs that come from gevent."""

__all__ = ["MonkeyPatchWarning", "patch_builtins", "patch_contextvars", "patch_selectors", "patch_sys"]


class MonkeyPatchWarning(RuntimeWarning):
    """What gevent warns with. Never given here: what patching could not do is in `report`."""


def patch_builtins() -> None:
    """Do nothing, as gevent's: Python 3 has an import lock for each module."""


def patch_contextvars() -> None:
    """Do nothing, as gevent's: greenlets have contexts of their own."""


def patch_selectors(aggressive: bool = True) -> None:
    """Do nothing: `selectors` is patched by `patch_select`."""


def patch_sys(stdin: bool = True, stdout: bool = True, stderr: bool = True) -> None:
    """Do nothing: `patch_os` makes `sys.stdin` cooperative, the other streams stay as they are."""
