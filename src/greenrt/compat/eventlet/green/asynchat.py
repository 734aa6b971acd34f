"""eventlet.green.asynchat: the standard module `asynchat`, cooperative. CPython 3.12 has removed it."""

import sys

from . import select, socket, time
from ._served import copied

if sys.version_info < (3, 12):
    copied("asynchat", globals(), ("select", select), ("socket", socket), ("time", time))
