"""The HTTP requests that greenlets answer."""

import sys
from types import FrameType, MethodType

from greenrt._typing import Any

__all__ = ["request_of"]


def request_of(function: Any, frame: FrameType | None) -> str:
    """Return the request that a greenlet answers for a server of WSGI applications.

    The text has the client's address too. It is empty if there is no request. It has no query, which may be secret.

    function: the function that the greenlet was made with.
    frame: its innermost frame.
    """
    if type(function) is not MethodType:
        return ""
    # A program without servers need not load them now.
    module: Any = sys.modules.get("greenrt.serve.wsgi")
    if module is None:
        return ""
    # Not a dict: the program may have written the hash of its function.
    kept = next((kept for kept in module.HANDLERS if function.__func__ is kept[0]), None)
    if kept is None:
        return ""
    _, code, parts_of = kept
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    if frame is None:
        return ""
    exchange, connection, peer = parts_of(frame.f_locals)
    if exchange is None or connection is None or connection.state <= module.IDLE:
        # The server waits for a request.
        return ""
    return f"{exchange.shown()} from {module.shown_peer(peer)}"
