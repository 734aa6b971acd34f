"""eventlet.green.ftplib: the standard module `ftplib`, cooperative."""

from . import socket, ssl
from ._served import copied

copied("ftplib", globals(), ("socket", socket), ("ssl", ssl))
