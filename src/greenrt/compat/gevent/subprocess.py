"""gevent.subprocess: the standard library's `subprocess` module, cooperative."""

import subprocess as _standard
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._standard import mirror
from greenrt.compat.gevent.fileobject import FileObject  # noqa: F401
from greenrt.green import subprocess as _twin

__implements__ = ["Popen", "call", "check_call", "check_output", "run", "CompletedProcess"]

__all__ = mirror(globals(), _standard, _twin, ("subprocess",))
__imports__ = [name for name in __all__ if name not in __implements__]
__extra__ = ["list2cmdline"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
