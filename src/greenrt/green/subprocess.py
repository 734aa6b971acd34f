"""The standard library's `subprocess` module, cooperative: waits for children and pipes suspend only the greenlet.

It has all names of the standard module. The code is CPython's own, over the green `os`, `selectors` and `time`. The
exceptions are the standard ones. A wait for a child's end uses its pidfd, with and without a timeout, and does not
poll.
"""

# This module redefines the names of the standard module on purpose.
# mypy: disable-error-code="no-redef,assignment,type-arg"

import os as _stdlib_os
import subprocess as _stdlib
from subprocess import *  # noqa: F403
from types import FunctionType

from greenrt._deadline import Deadline
from greenrt._hub.fd_wait import yield_if_due
from greenrt._hub.raw_greenlet import spawn_raw
from greenrt._hub.relay import Relay
from greenrt._typing import Any
from greenrt.green import _file_objects, os, selectors, time  # noqa: F401
from greenrt.green._children import park_until_exit
from greenrt.green._threading_polls import yielding
from greenrt.green._twin import public_names, rebound, supported
from greenrt.sync.event import Event

__all__ = public_names(_stdlib)

# Further names that CPython's code looks up.
_PopenSelector = selectors.PollSelector
io: Any = _file_objects.module_like_io(open=_file_objects.open)


def _wait(self: Any, timeout: float | None) -> int:
    """Wait for the child's end, for `Popen.wait`; return its code. Raise TimeoutExpired after `timeout` seconds.

    The lock of `poll` and `send_signal` is only held for moments, never during a wait.
    """
    yield_if_due()
    deadline = Deadline(timeout)
    # Called at most once: the method of a subclass may return early, and repeated calls would be a busy loop.
    step = None if timeout is None else getattr(self, "_wait_pidfd", None)
    while self.returncode is None:
        with self._waitpid_lock:
            if self.returncode is None:
                pid, status = self._try_wait(os.WNOHANG)
                if pid == self.pid:
                    self._handle_exitstatus(status)
        if self.returncode is None:
            left = deadline.left()
            if timeout is not None and left == 0.0:
                raise _stdlib.TimeoutExpired(self.args, timeout)
            if step is not None:
                step(left)
                step = None
            else:
                _park_until_exit(self, left)
    return self.returncode  # type: ignore[no-any-return]


def _wait_pidfd(self: Any, timeout: float) -> bool:
    """Wait for the child's end for up to `timeout` seconds; return whether it has ended. `_wait` calls it in 3.15.

    CPython's own method raises TimeoutExpired; here `_wait` raises it.
    """
    return _park_until_exit(self, timeout)


def _park_until_exit(self: Any, timeout: float | None) -> bool:
    """Park on the pidfd that the function of `os` opens. Programs' tests replace that function."""
    return park_until_exit(self.pid, timeout, getattr(_stdlib_os, "pidfd_open", None))


def poll(self: Any) -> int | None:
    """Return the child's exit code, or None while the child runs. See `subprocess.Popen.poll`.

    The yield is not in `_internal_poll`: finalizers call that method, and they never switch.
    """
    yield_if_due()
    return self._internal_poll()  # type: ignore[no-any-return]


def rawlink(self: Any, callback: Any) -> None:
    """Call ``callback(popen)`` in the hub once the child has ended; `greenrt.wait` calls this."""
    end = vars(self).get("_end")
    if end is None:
        end = self._end = Event()
        spawn_raw(_announce_end, self, end)
    end.rawlink(Relay(callback, self))


def unlink(self: Any, callback: Any) -> None:
    """Remove a link that `rawlink` has added. No-op if there is none."""
    end = vars(self).get("_end")
    if end is not None:
        end.unlink(callback)


def _announce_end(popen: Any, end: Event) -> None:
    while popen.poll() is None:
        _park_until_exit(popen, None)
    end.set()


# Patching sets these methods on the standard class; the class below has them too. `communicate` calls the last one
# before it raises TimeoutExpired, which with a timeout of 0 is all it does.
METHODS: dict[str, Any] = {
    **supported(
        _stdlib.Popen,
        _wait=_wait,
        _wait_pidfd=_wait_pidfd,
        poll=poll,
        _check_timeout=yielding(_stdlib.Popen._check_timeout),  # type: ignore[attr-defined]
    ),
    # gevent's names.
    "rawlink": rawlink,
    "unlink": unlink,
}

# Names that patching binds in the standard module only.
NAMES: dict[str, Any] = {"io": io}


class Popen(_stdlib.Popen):
    """`subprocess.Popen`, whose waits and pipes suspend only the greenlet."""

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
    # A name of the standard module that it does not export.
    return getattr(_stdlib, name)
