"""eventlet.green.SocketServer: the standard module `socketserver`, cooperative."""

from . import select, selectors, socket, threading
from ._served import copied

copied(
    "socketserver",
    globals(),
    ("socket", socket),
    ("select", select),
    ("selectors", selectors),
    ("threading", threading),
)
