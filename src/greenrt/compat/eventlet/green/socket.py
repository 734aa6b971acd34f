"""eventlet.green.socket: the standard module `socket`, cooperative."""

import socket as standard

from greenrt import monkey
from greenrt._typing import Any
from greenrt.green import _twin
from greenrt.green import socket as twin

from ..greenio import GreenSocket

__all__ = _twin.public_names(standard)


# greenrt's functions, over GreenSocket.
_names: dict[str, Any] = {
    **vars(twin),
    "__name__": __name__,
    "socket": GreenSocket,
    "SocketType": GreenSocket,
}
_functions = {
    name: _twin.rebound(getattr(standard, name), _names)
    for name in ("create_connection", "create_server", "fromfd", "socketpair")
}


def __getattr__(name: str) -> Any:
    if name == "__path__":
        raise AttributeError(name)
    if monkey.is_module_patched("socket"):
        return getattr(standard, name)
    if name in ("socket", "SocketType"):
        return GreenSocket
    return _functions[name] if name in _functions else getattr(twin, name)
