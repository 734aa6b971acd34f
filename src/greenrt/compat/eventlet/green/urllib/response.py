"""eventlet.green.urllib.response: the standard module `urllib.response`, which does not wait."""

from urllib.response import *  # noqa: F403
from urllib.response import __all__ as __all__
