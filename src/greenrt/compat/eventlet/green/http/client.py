"""eventlet.green.http.client: the standard module `http.client`, cooperative."""

from .. import socket, ssl
from .._served import copied

copied("http.client", globals(), ("socket", socket), ("ssl", ssl))
