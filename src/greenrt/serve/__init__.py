"""Stream, datagram and WSGI servers; see `BaseServer` for what they share."""

from greenrt.serve.base import BaseServer
from greenrt.serve.datagram import DatagramServer
from greenrt.serve.http.limits import Limits
from greenrt.serve.listeners import inherited_sockets
from greenrt.serve.stream import StreamServer
from greenrt.serve.wsgi import WSGIServer

__all__ = ["BaseServer", "DatagramServer", "Limits", "StreamServer", "WSGIServer", "inherited_sockets"]
