"""eventlet.green: standard modules whose blocking calls suspend only the greenthread.

Its modules are imported at their first use, also as attributes of the package.
"""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

_MODULES = frozenset(
    """
    BaseHTTPServer CGIHTTPServer MySQLdb Queue SimpleHTTPServer SocketServer asynchat asyncore builtin ftplib http
    httplib os profile select selectors socket ssl subprocess thread threading time urllib urllib2 zmq
    """.split()
)

__getattr__: Callable[[str], Any] = missing_names(
    __name__, {"OpenSSL": "use ssl, which is cooperative"}, submodules=_MODULES
)
