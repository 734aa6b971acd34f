"""eventlet.green.http.cookies: the standard module `http.cookies`, cooperative."""

from .. import time
from .._served import copied

copied("http.cookies", globals(), ("time", time))
