"""eventlet.green.urllib.request: the standard module `urllib.request`, cooperative."""

from .. import ftplib, os, socket, time
from .._served import copied
from ..http import client

copied(
    "urllib.request",
    globals(),
    ("http.client", client),
    ("ftplib", ftplib),
    ("os", os),
    ("socket", socket),
    ("time", time),
)
