"""eventlet.green.urllib2: the standard module `urllib.request`, cooperative, by its old name."""

from .urllib.error import HTTPError, URLError
from .urllib.request import *  # noqa: F403

__all__ = ["HTTPError", "URLError"]
