"""The HTTP requests that greenlets answer."""

import sys
from types import FrameType, MethodType

from greenrt._typing import Any

__all__ = ["request_of"]


def request_of(target: Any, frame: FrameType | None) -> str:
    """Return the request that `target`, whose innermost frame is `frame`, answers for a WSGIServer.

    The text has the client's address too. It is empty if there is no request. It has no query, which may be secret.
    """
    # A program without servers need not load them now.
    module: Any = sys.modules.get("greenrt.serve.wsgi")
    if module is None:
        return ""
    server = module.WSGIServer
    function = target._function
    if type(function) is not MethodType or function.__func__ is not server._run_handler:
        return ""
    while frame is not None and frame.f_code is not server._converse.__code__:
        frame = frame.f_back
    if frame is None:
        return ""
    names = frame.f_locals
    exchange, connection = names.get("exchange"), names.get("connection")
    if exchange is None or connection is None or connection.state <= module.IDLE:
        # The server waits for a request.
        return ""
    return f"{exchange.shown()} from {module.shown_peer(names.get('peer'))}"
