"""eventlet.green.httplib: the standard module `http.client`, cooperative, by its old name."""

from . import socket, ssl
from ._served import copied

copied("http.client", globals(), ("socket", socket), ("ssl", ssl))
