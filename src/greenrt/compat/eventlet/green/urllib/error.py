"""eventlet.green.urllib.error: the standard module `urllib.error`, which does not wait."""

from urllib.error import *  # noqa: F403
from urllib.error import __all__ as __all__
