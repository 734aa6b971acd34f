"""psycopg2 under patching: its connections wait by the callback that it offers for that."""

import sys
from types import ModuleType

from greenrt.monkey.hooks import subscribe
from greenrt.monkey.imports import when_imported

from greenrt._hub.io import wait_read, wait_write
from greenrt._typing import Any

__all__ = ["subscribe_psycopg2", "wait"]


def subscribe_psycopg2() -> None:
    """Have the callback set when `socket` is patched and psycopg2 is imported, in whichever order."""
    subscribe("did_patch", lambda name: when_imported("psycopg2", _set_callback), "socket")


def _set_callback(psycopg2: ModuleType) -> None:
    # The package has imported it: a submodule.
    extensions: Any = psycopg2.extensions
    # The program has chosen another one.
    if extensions.get_wait_callback() is None:
        extensions.set_wait_callback(wait)


def wait(connection: Any) -> None:
    """Park until `connection` has ended what it is at, as psycopg2's `set_wait_callback` wants it.

    psycopg2.OperationalError for a state that isn't known. If this raises, as in a kill or Timeout, psycopg2 closes
    the connection. With a callback COPY and large objects raise psycopg2.ProgrammingError: psycopg2's own limit.
    https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries
    """
    # It is loaded: it calls this. (An import statement here would cost each query.)
    psycopg2: Any = sys.modules["psycopg2"]
    extensions = psycopg2.extensions
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        if state == extensions.POLL_READ:
            wait_read(connection.fileno())
        elif state == extensions.POLL_WRITE:
            wait_write(connection.fileno())
        else:
            raise psycopg2.OperationalError(
                f"{connection!r}: poll() returned {state!r}, which is no known state"
            )
