"""The standard library's `subprocess` module, cooperative: waits for children and pipes suspend the greenlet only.

All of its names are here. The code is CPython's own, over the green `os`, `selectors` and `time`; the exceptions are
the standard ones. A child's end is awaited on its pidfd, with and without a timeout, so that `wait` does not poll.
"""

# The names of the standard module are defined anew, which is the point.
# mypy: disable-error-code="no-redef,assignment,type-arg"

import io as _stdlib_io
import os as _stdlib_os
import subprocess as _stdlib
from subprocess import *  # noqa: F403
from types import FunctionType, ModuleType

from greenrt._hub.fd_wait import give_way
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green import _file_objects, os, selectors, time  # noqa: F401
from greenrt.green._children import park_until_exit
from greenrt.green._twin import rebound, standing

__all__ = list(_stdlib.__all__)

# What CPython's code looks up besides.
_PopenSelector = selectors.PollSelector
io = ModuleType("io", _stdlib_io.__doc__)
io.__dict__.update(vars(_stdlib_io), open=_file_objects.open)


def _wait(self: Any, timeout: float | None) -> int:
    """What `Popen.wait` calls: wait for the child's end; return its code. TimeoutExpired after `timeout` seconds.

    The lock of `poll` and `send_signal` is held for a moment only, never while waiting.
    """
    deadline = None if timeout is None else monotonic() + timeout
    # At most once: the step of a subclass may return early, and repeating it would be a busy loop.
    step = None if timeout is None else getattr(self, "_wait_pidfd", None)
    while self.returncode is None:
        with self._waitpid_lock:
            if self.returncode is None:
                pid, status = self._try_wait(os.WNOHANG)
                if pid == self.pid:
                    self._handle_exitstatus(status)
        if self.returncode is None:
            left = None if deadline is None else deadline - monotonic()
            if timeout is not None and left is not None and left <= 0:
                raise _stdlib.TimeoutExpired(self.args, timeout)
            if step is not None:
                step(left)
                step = None
            else:
                _park_until_exit(self, left)
    return self.returncode  # type: ignore[no-any-return]


def _wait_pidfd(self: Any, timeout: float) -> bool:
    """Wait up to `timeout` seconds for the child's end; return whether it has ended. A step of `_wait` in 3.15.

    CPython's own raises TimeoutExpired; here `_wait` raises it.
    """
    return _park_until_exit(self, timeout)


def _park_until_exit(self: Any, timeout: float | None) -> bool:
    """Park on the pidfd that the function in `os` makes: programs' tests replace it."""
    return park_until_exit(self.pid, timeout, getattr(_stdlib_os, "pidfd_open", None))


def poll(self: Any) -> int | None:
    """Return the child's exit code, or None while it runs. See `subprocess.Popen.poll`.

    Not in `_internal_poll`, which finalizers call: these never switch.
    """
    give_way()
    return self._internal_poll()  # type: ignore[no-any-return]


# What is installed on the standard class by patching, and carried by the class below.
METHODS: dict[str, Any] = standing(_stdlib.Popen, _wait=_wait, _wait_pidfd=_wait_pidfd, poll=poll)

# What patching binds in the standard module, and nowhere else.
NAMES: dict[str, Any] = {"io": io}


class Popen(_stdlib.Popen):
    """`subprocess.Popen`, whose waits and pipes suspend the greenlet only."""

    locals().update(
        (name, rebound(function, globals()))
        for name, function in vars(_stdlib.Popen).items()
        if isinstance(function, FunctionType)
    )
    locals().update(METHODS)


for _name in ("call", "check_call", "check_output", "getoutput", "getstatusoutput", "run"):
    globals()[_name] = rebound(getattr(_stdlib, _name), globals())
del _name


def __getattr__(name: str) -> Any:
    # What the standard module has without exporting it.
    return getattr(_stdlib, name)
