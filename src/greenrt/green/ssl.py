"""The standard library's `ssl` module, cooperative: a call that would block suspends only the greenlet.

It has all names of the standard module. `SSLContext` is a subclass of the standard class. Its `wrap_socket` returns
an `SSLSocket`, which is a subclass of the standard one and of the green `socket`.
"""

# This module redefines the names of the standard module on purpose.
# mypy: disable-error-code="no-redef,assignment,misc"

import ssl as _stdlib
from ssl import *  # noqa: F403

from greenrt._typing import Any
from greenrt.green import socket as _green_socket
from greenrt.green._ssl_socket import METHODS
from greenrt.green._twin import public_names, rebound

__all__ = public_names(_stdlib)


class SSLSocket(_stdlib.SSLSocket, _green_socket.socket):
    """`ssl.SSLSocket`, whose blocking methods suspend only the greenlet."""

    locals().update(METHODS)


class SSLContext(_stdlib.SSLContext):
    """`ssl.SSLContext`, whose sockets are green."""

    sslsocket_class = SSLSocket


create_connection = _green_socket.create_connection

for _name in (
    "_create_default_https_context",
    "_create_stdlib_context",
    "_create_unverified_context",
    "create_default_context",
    "get_server_certificate",
    "wrap_socket",
):
    # CPython 3.12 has removed wrap_socket.
    if hasattr(_stdlib, _name):
        globals()[_name] = rebound(getattr(_stdlib, _name), globals())
del _name


def __getattr__(name: str) -> Any:
    # Other names of the standard module.
    return getattr(_stdlib, name)
