"""The functions of `os` that wait for child processes, cooperative.

Each function asks the kernel without waiting (WNOHANG), and parks until there is a change to report. The pidfd of a
process (pidfd_open(2)) reports its end. For the end of any child, and for stops and continuations, a native thread
waits (`wait_change`). It outlives a caller that is killed, until the next change of such a child.

SIGCHLD and its handler are not changed. In a thread without a hub, the calls are the original ones.
"""

import os
from collections.abc import Callable

from greenrt import _original
from greenrt._events import READ
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import forget_fd, park_on_fd, yield_if_due
from greenrt._hub.park import new_park, yield_now
from greenrt._loop.processes import open_pidfd, wait_change
from greenrt._native.switch import is_finalizing
from greenrt._typing import Any
from greenrt.green._polling import poll_until
from greenrt.green._twin import supported

__all__ = ["FUNCTIONS", "park_until_exit"]

# With these options, a call also reports other changes than the end.
_CHANGES = os.WUNTRACED | os.WCONTINUED


# -- Waiting for a change


def park_until_exit(
    pid: int, timeout: float | None = None, pidfd_open: Callable[[int, int], int] | None = None
) -> bool:
    """Park until process `pid` has ended, reaped or not. Return False after `timeout` seconds. Reap nothing.

    `pidfd_open` is called instead of `os.pidfd_open`.
    """
    # Let other greenlets run first: a short-lived child has ended by then, and needs no file descriptor. Each child
    # that is forked meanwhile would have to close that descriptor.
    yield_now()
    if _has_ended(pid):
        return True
    try:
        fd = open_pidfd(pid, pidfd_open)
    except ProcessLookupError:
        return True
    if fd is None:
        return _park_until_change(os.P_PID, pid, os.WEXITED, timeout)
    try:
        return bool(park_on_fd(fd, READ, timeout))
    finally:
        forget_fd(fd)
        _original.close(fd)


def _has_ended(pid: int) -> bool:
    try:
        return _original.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        # The process is reaped or is not a child of this process: its pidfd reports the end.
        return False


def _has_changed(idtype: int, ident: int, options: int) -> bool:
    """Return whether ``waitid(idtype, ident, options)`` would return, or raise an error."""
    try:
        return _original.waitid(idtype, ident, options | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _park_until_change(idtype: int, ident: int, options: int, timeout: float | None = None) -> bool:
    """Park until a native thread sees a change by ``waitid(idtype, ident, options)``; return False at `timeout`.

    While the interpreter is being finalized, no thread can be started: the caller checks repeatedly instead.
    """
    if is_finalizing():
        return poll_until(lambda: _has_changed(idtype, ident, options), timeout)
    park = new_park(("a change of a child process, waitid{0}", (idtype, ident, options)))
    park.counted = True

    def wake(gone: bool) -> None:
        # If no such child exists any more, the caller's next waitid raises the error.
        park.wake(True)

    wait_change(idtype, ident, options, wake)
    return park.wait(timeout) is True


def _park_for(pid: int, options: int) -> None:
    """Park until the next waitpid for `pid` with these options may succeed."""
    if pid > 0 and not options & _CHANGES:
        park_until_exit(pid)
    elif pid > 0:
        _park_until_change(os.P_PID, pid, options | os.WEXITED)
    elif pid == -1:
        _park_until_change(os.P_ALL, 0, options | os.WEXITED)
    else:
        _park_until_change(os.P_PGID, -pid or os.getpgrp(), options | os.WEXITED)


# -- The functions


def _never_waits(options: int) -> bool:
    """Return whether a call never waits. If so, yield first if due, as the caller may be a polling loop."""
    if not options & os.WNOHANG:
        return False
    yield_if_due()
    return True


def waitpid(pid: int, options: int, /) -> tuple[int, int]:
    """Wait for a change of a child; return its pid and status. See `os.waitpid`."""
    if _never_waits(options) or hub_for_waiting() is None:
        return _original.waitpid(pid, options)
    while not (found := _original.waitpid(pid, options | os.WNOHANG))[0]:
        _park_for(pid, options)
    return found


def wait4(pid: int, options: int) -> tuple[int, int, Any]:
    """Wait for a change of a child; return its pid, status and resource usage. See `os.wait4`."""
    if _never_waits(options) or hub_for_waiting() is None:
        return _original.wait4(pid, options)  # type: ignore[no-any-return]
    while not (found := _original.wait4(pid, options | os.WNOHANG))[0]:
        _park_for(pid, options)
    return found  # type: ignore[no-any-return]


def wait() -> tuple[int, int]:
    """Wait for the end of any child; return its pid and status. See `os.wait`."""
    return waitpid(-1, 0)


def wait3(options: int) -> tuple[int, int, Any]:
    """Wait for a change of any child. See `os.wait3`."""
    return wait4(-1, options)


def waitid(idtype: int, id: int, options: int, /) -> Any:
    """Wait for a change of a child; return its description. See `os.waitid`."""
    if _never_waits(options) or hub_for_waiting() is None:
        return _original.waitid(idtype, id, options)
    while (found := _original.waitid(idtype, id, options | os.WNOHANG)) is None:
        if idtype == os.P_PID and not options & (os.WSTOPPED | os.WCONTINUED):
            park_until_exit(id)
        else:
            _park_until_change(idtype, id, options)
    return found


def system(command: Any) -> int:
    """Run `command` in a shell, by `os.system` in a native thread; return its status. See `os.system`."""
    hub = hub_for_waiting()
    if hub is None:
        return _original.system(command)
    return hub.threadpool.apply(_original.system, (command,))  # type: ignore[no-any-return]


# The functions that patching replaces in `os`.
FUNCTIONS: dict[str, Any] = supported(
    os, system=system, wait=wait, wait3=wait3, wait4=wait4, waitid=waitid, waitpid=waitpid
)
