"""eventlet.green.asyncore: the standard module `asyncore`, cooperative. CPython 3.12 has removed it."""

import sys

from . import select, socket, time
from ._served import copied

if sys.version_info < (3, 12):
    copied("asyncore", globals(), ("select", select), ("socket", socket), ("time", time))
