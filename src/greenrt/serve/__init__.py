"""Servers."""

from greenrt.serve.base import BaseServer
from greenrt.serve.datagram import DatagramServer
from greenrt.serve.stream import StreamServer

__all__ = ["BaseServer", "DatagramServer", "StreamServer"]
