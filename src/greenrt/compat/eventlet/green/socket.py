"""eventlet.green.socket: the standard module `socket`, cooperative."""

import socket as _standard

from greenrt import monkey
from greenrt._typing import Any
from greenrt.green import _twin
from greenrt.green import socket as _twin_module

from ..greenio import GreenSocket

__all__ = _twin.public_names(_standard)


# greenrt's functions, over GreenSocket.
_names: dict[str, Any] = {
    **vars(_twin_module),
    "__name__": __name__,
    "socket": GreenSocket,
    "SocketType": GreenSocket,
}
_functions = {
    name: _twin.rebound(getattr(_standard, name), _names)
    for name in ("create_connection", "create_server", "fromfd", "socketpair")
}


def __getattr__(name: str) -> Any:
    if name == "__path__":
        raise AttributeError(name)
    if monkey.is_module_patched("socket"):
        return getattr(_standard, name)
    if name in ("socket", "SocketType"):
        return GreenSocket
    return _functions[name] if name in _functions else getattr(_twin_module, name)
