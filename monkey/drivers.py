"""Give database drivers that wait in C a cooperative way to wait."""

import sys
from types import ModuleType

from greenrt.monkey.import_hooks import when_imported
from greenrt.monkey.subscribers import subscribe

from greenrt._hub.fd_wait import wait_read, wait_write
from greenrt._typing import Any

__all__ = ["subscribe_psycopg", "subscribe_psycopg2", "wait"]


def subscribe_psycopg() -> None:
    """Make psycopg 3 wait with its Python function over `select.poll`, not with the one in C.

    The function is set once `select` is patched and psycopg is imported, in either order.
    """
    subscribe("did_patch", lambda name: when_imported("psycopg", _choose_wait), "select")


def _choose_wait(psycopg: ModuleType) -> None:
    # `waiting` is a submodule that the package has imported. psycopg chooses the function in the same way, but only
    # if gevent has patched.
    waiting: Any = getattr(psycopg, "waiting", None)
    wait_c = getattr(waiting, "wait_c", None)
    # If the function is another one, the program chose it by PSYCOPG_WAIT_FUNC. Without psycopg's C part there is no
    # wait_c. The module may also be a stand-in, as in tests, which waits for nothing.
    if wait_c is not None and waiting.wait is wait_c:
        waiting.wait = getattr(waiting, "wait_poll", waiting.wait_selector)


def subscribe_psycopg2() -> None:
    """Make psycopg2 wait with the callback that it offers for this purpose.

    The callback is set once `socket` is patched and psycopg2 is imported, in either order.
    """
    subscribe("did_patch", lambda name: when_imported("psycopg2", _set_callback), "socket")


def _set_callback(psycopg2: ModuleType) -> None:
    # `extensions` is a submodule that the package has imported.
    extensions: Any = getattr(psycopg2, "extensions", None)
    callback_now = getattr(extensions, "get_wait_callback", None)
    # If there is a callback, the program has set it. Without the function, the module is a stand-in, as in tests.
    if callback_now is not None and callback_now() is None:
        extensions.set_wait_callback(wait)


def wait(connection: Any) -> None:
    """Park until `connection` has finished its current operation; psycopg2 calls this by `set_wait_callback`.

    Raise psycopg2.OperationalError for an unknown state. If this function raises, as in a kill or Timeout, psycopg2
    closes the connection. With a callback, COPY and large objects raise psycopg2.ProgrammingError: this is psycopg2's
    own limit. https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries
    """
    # psycopg2 is loaded, because it calls this function. An import statement here would slow down each query.
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
            raise psycopg2.OperationalError(f"{connection!r}: poll() returned the unknown state {state!r}")
