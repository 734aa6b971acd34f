"""Give database drivers that wait in C a cooperative way to wait."""

import sys
from types import ModuleType

from greenrt.monkey.import_hooks import when_imported
from greenrt.monkey.subscribers import subscribe

from greenrt._bare import names_in
from greenrt._hub.fd_wait import wait_read, wait_write
from greenrt._typing import Any

__all__ = ["subscribe_psycopg", "subscribe_psycopg2", "wait"]


def subscribe_psycopg() -> None:
    """Make psycopg 3 wait with its Python function over `select.poll`, not with the one in C.

    The function is set once `select` is patched and psycopg has imported its submodule, in either order.
    """
    subscribe("did_patch", lambda name: when_imported("psycopg.waiting", _choose_wait), "select")


def _choose_wait(waiting: ModuleType) -> None:
    # psycopg chooses the function in the same way, but only if gevent has patched. The module may also be a stand-in,
    # as in tests, which waits for nothing.
    names = names_in(waiting)
    wait_c = names.get("wait_c")
    # If the function is another one, the program chose it by PSYCOPG_WAIT_FUNC. Without psycopg's C part there is no
    # wait_c.
    if wait_c is not None and names.get("wait") is wait_c:
        names["wait"] = names.get("wait_poll") or names["wait_selector"]


def subscribe_psycopg2() -> None:
    """Make psycopg2 wait with the callback that it offers for this purpose.

    The callback is set once `socket` is patched and psycopg2 has imported its submodule, in either order.
    """
    subscribe("did_patch", lambda name: when_imported("psycopg2.extensions", _set_callback), "socket")


def _set_callback(extensions: ModuleType) -> None:
    names = names_in(extensions)
    callback_now = names.get("get_wait_callback")
    # If there is a callback, the program has set it. Without the function, the module is a stand-in, as in tests.
    if callback_now is not None and callback_now() is None:
        names["set_wait_callback"](wait)


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
