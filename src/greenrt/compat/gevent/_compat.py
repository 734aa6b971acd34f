"""Facts about the interpreter that gevent.testing imports from gevent."""

import sys
from io import StringIO as NativeStrIO
from time import get_clock_info, perf_counter

from greenrt._typing import Any

__all__ = [
    "LINUX",
    "MAC",
    "OSX",
    "PURE_PYTHON",
    "PY311",
    "PY312",
    "PY313",
    "PY314",
    "PY315",
    "PYPY",
    "WIN",
    "NativeStrIO",
    "get_clock_info",
    "get_this_psutil_process",
    "perf_counter",
    "reraise",
    "thread_mod_name",
]

PYPY = False
thread_mod_name = "_thread"
WIN = sys.platform.startswith("win")
LINUX = sys.platform.startswith("linux")
MAC = OSX = sys.platform == "darwin"
PURE_PYTHON = False
PY311 = sys.version_info >= (3, 11)
PY312 = sys.version_info >= (3, 12)
PY313 = sys.version_info >= (3, 13)
PY314 = sys.version_info >= (3, 14)
PY315 = sys.version_info >= (3, 15)


def get_this_psutil_process() -> Any:
    """Return psutil's object for this process; None without psutil."""
    try:
        import psutil  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        return None
    return psutil.Process()


def reraise(kind: Any, value: Any, tb: Any = None) -> None:
    """Raise `value`, or ``kind()`` if it is None, with the traceback `tb`."""
    raise (kind() if value is None else value).with_traceback(tb)
