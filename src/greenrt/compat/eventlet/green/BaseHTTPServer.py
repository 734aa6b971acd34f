"""eventlet.green.BaseHTTPServer: the standard module `http.server`, cooperative, by its old name."""

from . import SocketServer, select, socket
from ._served import copied
from .http import client

copied(
    "http.server",
    globals(),
    ("http.client", client),
    ("socket", socket),
    ("select", select),
    ("socketserver", SocketServer),
)
