"""eventlet.green.http.cookiejar: the standard module `http.cookiejar`, cooperative."""

from .. import threading, time
from .._served import copied

copied("http.cookiejar", globals(), ("threading", threading), ("time", time))
