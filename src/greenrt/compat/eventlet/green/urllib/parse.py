"""eventlet.green.urllib.parse: the standard module `urllib.parse`, which does not wait."""

from urllib.parse import *  # noqa: F403
from urllib.parse import __all__ as __all__
