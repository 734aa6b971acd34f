"""Database drivers that wait in C: each gets a way to wait that cooperates."""

import sys
from types import ModuleType

from greenrt.monkey.import_hooks import when_imported
from greenrt.monkey.subscribers import subscribe

from greenrt._hub.fd_wait import wait_read, wait_write
from greenrt._typing import Any

__all__ = ["subscribe_psycopg", "subscribe_psycopg2", "wait"]


def subscribe_psycopg() -> None:
    """Have psycopg 3 wait by its Python function over `select.poll`, not by the one in C.

    The function is chosen when `select` is patched and psycopg is imported, in whichever order.
    """
    subscribe("did_patch", lambda name: when_imported("psycopg", _choose_wait), "select")


def _choose_wait(psycopg: ModuleType) -> None:
    # The package has imported it: a submodule. psycopg chooses in the same way, but under gevent's patching only.
    waiting: Any = psycopg.waiting
    # The program chose anything else, by PSYCOPG_WAIT_FUNC; and without the part in C there is no wait_c.
    if waiting.wait is getattr(waiting, "wait_c", None):
        waiting.wait = getattr(waiting, "wait_poll", waiting.wait_selector)


def subscribe_psycopg2() -> None:
    """Have psycopg2 wait by the callback that it offers for that purpose.

    The callback is set when `socket` is patched and psycopg2 is imported, in whichever order.
    """
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
