"""psycopg 3 under patching: it waits by its own Python function, over `select.poll`, instead of the one in C."""

from types import ModuleType

from greenrt.monkey.hooks import subscribe
from greenrt.monkey.imports import when_imported

from greenrt._typing import Any

__all__ = ["subscribe_psycopg"]


def subscribe_psycopg() -> None:
    """Have the function chosen when `select` is patched and psycopg is imported, in whichever order."""
    subscribe("did_patch", lambda name: when_imported("psycopg", _choose_wait), "select")


def _choose_wait(psycopg: ModuleType) -> None:
    # The package has imported it: a submodule. psycopg chooses in the same way, but under gevent's patching only.
    waiting: Any = psycopg.waiting
    # The program chose anything else, by PSYCOPG_WAIT_FUNC; and without the part in C there is no wait_c.
    if waiting.wait is getattr(waiting, "wait_c", None):
        waiting.wait = getattr(waiting, "wait_poll", waiting.wait_selector)
