"""gevent's package, served by greenrt. `greenrt.compat.install("gevent")` lets programs import it as `gevent`."""

from collections import namedtuple
from collections.abc import Callable
from sys import getswitchinterval, setswitchinterval

import greenrt
from greenrt._alias import VERSIONS, installed
from greenrt._hub.current_hub import get_hub
from greenrt._hub.greenlet import Greenlet, kill, spawn, spawn_later
from greenrt._hub.signal_handler import signal_handler
from greenrt._hub.sleep import idle, sleep
from greenrt._hub.timeout import Timeout, with_timeout
from greenrt._hub.wait_many import iwait, joinall, killall, wait
from greenrt._native.switch import current as getcurrent
from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._config import config
from greenrt.compat.gevent._habits import adopt
from greenrt.compat.gevent._spawn_raw import spawn_raw
from greenrt.compat.gevent.hub import reinit
from greenrt.errors import GreenletExit

__all__ = [
    "Greenlet",
    "GreenletExit",
    "Timeout",
    "config",
    "fork",
    "get_hub",
    "getcurrent",
    "getswitchinterval",
    "idle",
    "iwait",
    "joinall",
    "kill",
    "killall",
    "reinit",
    "setswitchinterval",
    "signal_handler",
    "sleep",
    "spawn",
    "spawn_later",
    "spawn_raw",
    "wait",
    "with_timeout",
]

_version_info = namedtuple("_version_info", ("major", "minor", "micro", "releaselevel", "serial"))

# The version whose interface is offered.
__version__ = VERSIONS["gevent"]
version_info = _version_info._make((*map(int, VERSIONS["gevent"].split(".")), "final", 0))

# The name and the version of what serves this package.
__greenrt__: str = f"greenrt {greenrt.__version__}"


if "gevent" in installed():
    adopt()


def fork() -> int:
    """Fork the process; see `os.fork`. The child's loop is ready for use."""
    import os

    return os.fork()


# Modules that gevent's import and its `patch_all` import. Here they are imported at their first use as attributes.
_MODULES = frozenset(
    (
        "event",
        "events",
        "exceptions",
        "greenlet",
        "local",
        "lock",
        "os",
        "queue",
        "select",
        "selectors",
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "thread",
        "threading",
        "time",
        "timeout",
    )
)

__getattr__: Callable[[str], Any] = missing_names(__name__, submodules=_MODULES)
