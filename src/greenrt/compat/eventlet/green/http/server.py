"""eventlet.green.http.server: the standard module `http.server`, cooperative."""

from .. import SocketServer, select, socket
from .._served import copied
from . import client

copied(
    "http.server",
    globals(),
    ("http.client", client),
    ("socket", socket),
    ("select", select),
    ("socketserver", SocketServer),
)
