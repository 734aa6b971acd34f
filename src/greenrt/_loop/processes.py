"""Ways to wait for the end of a process: its file descriptor, pidfd_open(2), or a native thread in waitid(2)."""

import os
from collections.abc import Callable

from greenrt import _atfork, _original
from greenrt._native.helper import start_helper
from greenrt._typing import Any

__all__ = ["open_pidfd", "wait_change"]

# Python has this function if the C library has the call. It is read once: a function that a program's test puts into
# `os` may itself wait for children, and so call this module.
_pidfd_open: Any = getattr(os, "pidfd_open", None)

# The callbacks of each native thread that waits, by the arguments of its waitid(2). The lock is re-entrant, since a
# signal handler may call `wait_change` inside it.
_lock = _original.RLock()
_waiting: dict[tuple[int, int, int], list[Callable[[bool], object]]] = {}


def open_pidfd(pid: int, pidfd_open: Callable[[int, int], int] | None = None) -> int | None:
    """Return a new fd for process `pid`, which is readable once the process has ended. The caller closes it.

    Returns None if the caller has to use `wait_change`: on Linux before 5.3, if no fd is free, and in a sandbox that
    rejects the call. Raises ProcessLookupError if there is no such process, not even one that has ended and was not
    reaped. May be called from any thread.

    pidfd_open: called instead of `os.pidfd_open`.
    """
    function = _pidfd_open if pidfd_open is None else pidfd_open
    if function is None:
        return None
    try:
        return int(function(pid, 0))
    except ProcessLookupError:
        raise
    except OSError:
        return None


def wait_change(idtype: int, ident: int, options: int, callback: Callable[[bool], object]) -> None:
    """Call ``callback(gone)`` in a native thread once ``waitid(idtype, ident, options)`` would return.

    `gone` is true if there is no such child any more. The thread takes no status (WNOWAIT). If `callback` returns a
    true value, the thread waits for the next change and calls it again. Callers with equal arguments share a thread.
    The thread ends only after a change, even if no caller is interested any more.

    May be called from any thread. Raises RuntimeError if no more threads can be started.
    """
    key = (idtype, ident, options)
    with _lock:
        callbacks = _waiting.setdefault(key, [])
        callbacks.append(callback)
        if len(callbacks) > 1:
            return
        try:
            start_helper(_watch, key)
        except BaseException:
            del _waiting[key]
            raise


def _watch(idtype: int, ident: int, options: int) -> None:
    key = (idtype, ident, options)
    while True:
        gone = False
        try:
            _original.waitid(idtype, ident, options | os.WNOWAIT)
        except OSError:
            gone = True
        with _lock:
            callbacks = _waiting.pop(key, [])
        again = [callback for callback in callbacks if callback(gone)]
        with _lock:
            # A caller may have registered meanwhile, and started another thread.
            others = _waiting.get(key)
            if others is not None:
                others.extend(again)
                return
            if not again:
                return
            _waiting[key] = again


def _after_fork_in_child() -> None:
    # The threads exist in the parent only, and wait for the parent's children.
    _original.renew_lock(_lock)
    _waiting.clear()


_atfork.register(_atfork.LOCKS, _after_fork_in_child)
