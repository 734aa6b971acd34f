"""The functions of `os` that wait for child processes, cooperative.

Each asks the kernel without waiting (WNOHANG), and parks while there is nothing to tell. The pidfd_open(2) of one
process reports its end. For the end of any child, and for stops and continuations, a native thread waits without
taking anything (WNOWAIT): it asks waitid(2) for the same as the caller, and callers that ask the same share it. It
outlives a caller that is killed, until the next change of such a child.

SIGCHLD and its handler are left alone. Where this thread has no hub, the calls are the original ones.
"""

import os
from collections.abc import Callable

from greenrt import _atfork, _original
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import forget_fd, give_way, park_on_fd
from greenrt._hub.park import new_park, yield_now
from greenrt._loop.callback import READ
from greenrt._loop.processes import open_pidfd
from greenrt._native.helper import start_helper
from greenrt._typing import Any
from greenrt.green._twin import standing

__all__ = ["FUNCTIONS", "park_until_exit"]

# Options with which a call tells more than the end.
_CHANGES = os.WUNTRACED | os.WCONTINUED

# What native threads wait for, (idtype, id, options), and the parks to wake.
_lock = _original.RLock()
_watched: dict[tuple[int, int, int], list[Any]] = {}


# -- Waiting for a change


def park_until_exit(
    pid: int, timeout: float | None = None, pidfd_open: Callable[[int, int], int] | None = None
) -> bool:
    """Park until process `pid` has ended, reaped or not; False after `timeout` seconds. Nothing is reaped.

    `pidfd_open` is called in the place of `os.pidfd_open`.
    """
    # Others first: a child that lives for a moment has ended when they are through, and needs no fd. Each child that
    # is forked meanwhile would have to close that.
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
        # Reaped, or no child of this process: its pidfd tells.
        return False


def _park_until_change(idtype: int, ident: int, options: int, timeout: float | None = None) -> bool:
    """Park until a native thread has seen what ``waitid(idtype, ident, options)`` would; False after `timeout`."""
    key = (idtype, ident, options)
    park = new_park(("a change of a child process, waitid{0}", key))
    park.counted = True
    with _lock:
        waiting = _watched.get(key)
        if waiting is None:
            _watched[key] = [park]
            try:
                start_helper(_watch, key)
            except BaseException:
                del _watched[key]
                raise
        else:
            waiting.append(park)
    return park.wait(timeout) is True


def _watch(idtype: int, ident: int, options: int) -> None:
    """Wait in a native thread, and wake the callers."""
    try:
        _original.waitid(idtype, ident, options | os.WNOWAIT)
    except OSError:
        # No such child any more: a caller that asks again gets the error.
        pass
    with _lock:
        parks = _watched.pop((idtype, ident, options), ())
    for park in parks:
        park.wake(True)


def _renew_after_fork() -> None:
    _original.renew_lock(_lock)
    _watched.clear()


_atfork.register(_atfork.RUNTIME, _renew_after_fork)


def _park_for(pid: int, options: int) -> None:
    """Park until another waitpid for `pid` with these options is worth while."""
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
    """Tell whether a call only asks; then let others run first, as the caller may be in a loop."""
    if not options & os.WNOHANG:
        return False
    give_way()
    return True


def waitpid(pid: int, options: int, /) -> tuple[int, int]:
    """Wait for a change of a child, and return its pid and status. See `os.waitpid`."""
    if _never_waits(options) or hub_for_waiting() is None:
        return _original.waitpid(pid, options)
    while not (found := _original.waitpid(pid, options | os.WNOHANG))[0]:
        _park_for(pid, options)
    return found


def wait4(pid: int, options: int) -> tuple[int, int, Any]:
    """Wait for a change of a child, and return its pid, status and usage of resources. See `os.wait4`."""
    if _never_waits(options) or hub_for_waiting() is None:
        return _original.wait4(pid, options)  # type: ignore[no-any-return]
    while not (found := _original.wait4(pid, options | os.WNOHANG))[0]:
        _park_for(pid, options)
    return found  # type: ignore[no-any-return]


def wait() -> tuple[int, int]:
    """Wait for the end of any child, and return its pid and status. See `os.wait`."""
    return waitpid(-1, 0)


def wait3(options: int) -> tuple[int, int, Any]:
    """Wait for a change of any child. See `os.wait3`."""
    return wait4(-1, options)


def waitid(idtype: int, id: int, options: int, /) -> Any:
    """Wait for a change of a child, and return its description. See `os.waitid`."""
    if _never_waits(options) or hub_for_waiting() is None:
        return _original.waitid(idtype, id, options)
    while (found := _original.waitid(idtype, id, options | os.WNOHANG)) is None:
        if idtype == os.P_PID and not options & (os.WSTOPPED | os.WCONTINUED):
            park_until_exit(id)
        else:
            _park_until_change(idtype, id, options)
    return found


def system(command: Any) -> int:
    """Run `command` in a shell, and return its status. See `os.system`, which runs in a native thread."""
    hub = hub_for_waiting()
    if hub is None:
        return _original.system(command)
    return hub.threadpool.apply(_original.system, (command,))  # type: ignore[no-any-return]


# What patching replaces in `os`.
FUNCTIONS: dict[str, Any] = standing(
    os, system=system, wait=wait, wait3=wait3, wait4=wait4, waitid=waitid, waitpid=waitpid
)
