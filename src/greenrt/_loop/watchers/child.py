"""The end of child processes: by pidfd_open(2), or by a native thread that waits for just that child.

Any thread and any loop can watch any child. SIGCHLD and its handler are left alone, and only children
that are watched are touched: there is no ``waitpid(-1)`` here.
"""

import os
from collections import deque
from collections.abc import Callable

from greenrt import _atfork, _original
from greenrt._loop.callback import READ, Callback
from greenrt._loop.fd_table import CLOSED
from greenrt._loop.processes import open_pidfd
from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.base import Holder
from greenrt._native.helper import start_helper
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = ["Child"]

# All active watchers by pid: the watcher that reaps a child informs the others. The lock also makes reaping and
# informing one step. Re-entrant, since a signal handler of the same thread may start a watcher inside.
_lock = _original.RLock()
_watched: dict[int, list["Child"]] = {}

# The (pid, trace) that a native thread waits for.
_threads: set[tuple[int, bool]] = set()


class Child(Holder):
    """Calls back once when child process `pid` has ended, after reaping it; then the watcher is stopped.

    `rpid` is then the pid, and `rstatus` the status as os.waitpid(2) returns it (see os.waitstatus_to_exitcode), or
    None if other code has taken it: another waitpid, a SIGCHLD that is ignored (wait(2), ECHILD), or the process
    is no child of this one. A process that does not exist counts as one that ended. With `trace`, stops and
    continuations call back too (WUNTRACED, WCONTINUED), and only the end stops the watcher.

    A watcher that is stopped before the child's end leaves it unreaped. In the child of a fork the watchers are
    stopped: the parent's children are no children of its own.

    Without pidfd_open(2) (Linux before 5.3), without a free fd, and for `trace`, a native thread waits. It goes on
    waiting for the child's next change after `stop`, and takes nothing then.

    ValueError unless `pid` is the positive number of one process.
    """

    __slots__ = ("_fd", "_statuses", "_trace", "pid", "rpid", "rstatus")

    def __init__(self, loop: LoopBase, pid: int, trace: bool = False, ref: bool = True) -> None:
        if pid <= 0:
            raise ValueError(f"loop.child() watches one process, by its positive pid, not {pid!r}")
        super().__init__(loop, ref)
        self.pid = pid
        self.rpid = 0
        self.rstatus: int | None = None
        self._trace = bool(trace)
        self._fd = -1
        # What has been seen and not been reported yet.
        self._statuses: deque[int | None] = deque()

    # -- What Holder asks for

    def _take_hold(self) -> None:
        with _lock:
            _watched.setdefault(self.pid, []).append(self)
            try:
                self._watch()
            except BaseException:
                self._leave_table()
                raise

    def _let_go(self) -> None:
        with _lock:
            self._leave_table()
        self._statuses.clear()
        fd = self._fd
        if fd >= 0:
            self._fd = -1
            fds = self.loop.fds
            fds.withdraw(fd, self)
            fds.forget(fd)
            _original.close(fd)

    def forked(self) -> None:
        """See `Holder.forked`."""
        self.stop()

    def _leave_table(self) -> None:
        watchers = _watched.get(self.pid)
        if watchers is not None and self in watchers:
            watchers.remove(self)
            if not watchers:
                del _watched[self.pid]

    def _watch(self) -> None:
        fd = None
        if not self._trace:
            try:
                fd = open_pidfd(self.pid)
            except ProcessLookupError:
                # Ended and reaped by now, or there never was one.
                self._tell(None)
                return
        if fd is None:
            _wait_in_thread(self.pid, self._trace)
            return
        self._fd = fd
        try:
            self.loop.fds.add(fd, READ, self)
        except BaseException:
            self._fd = -1
            _original.close(fd)
            raise

    # -- What happened

    def fire(self, events: int) -> None:
        """See `Entry.fire`: the pidfd is readable, the process has ended; with no event, the watcher was fed."""
        if not events:
            super().fire(0)
            return
        if events & CLOSED or self._fd < 0:
            return
        with _lock:
            # Else another watcher of the same child has reaped it, and reported it here.
            if self in _watched.get(self.pid, ()):
                _tell_all(self.pid, _reap(self._fd))

    def feed(self, events: int, callback: Callable[..., object] | None = None, *args: Any) -> None:
        """See `Watcher.feed`. `rpid` and `rstatus` stay as they are."""
        super().feed(0, callback, *args)

    def _tell(self, status: int | None) -> None:
        try:
            self.loop.post(Callback(self._notice, (status,)))
        except LoopClosed:
            pass

    def _notice(self, status: int | None) -> None:
        if self.active:
            self._statuses.append(status)
            super().fire(0)

    def run(self) -> None:
        """See `Entry.run`."""
        if not self.pending:
            return
        if not self._statuses:
            # Fed: nothing has happened to the child.
            super().run()
            return
        status = self._statuses.popleft()
        self.rpid = self.pid
        self.rstatus = status
        if status is None or not (os.WIFSTOPPED(status) or os.WIFCONTINUED(status)):
            callback, args = self.callback, self.args
            self.stop()
            if callback is not None:
                self.call(callback, args)
            return
        try:
            super().run()
        finally:
            if self._statuses:
                super().fire(0)

    def __repr__(self) -> str:
        return super().__repr__().replace(" at ", f" pid={self.pid} at ", 1)


def _reap(fd: int) -> int | None:
    """Reap the process of a pidfd, as waitpid(2) would; return its status, or None if it was not ours to take."""
    try:
        info = _original.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return None
    if info is None:
        return None
    if info.si_code == os.CLD_EXITED:
        return int(info.si_status) << 8
    return int(info.si_status) | (0x80 if info.si_code == os.CLD_DUMPED else 0)


def _tell_all(pid: int, status: int | None) -> None:
    """Tell all watchers of `pid` of its end, and forget them; the lock is held."""
    for watcher in _watched.pop(pid, ()):
        watcher._tell(status)


def _wait_in_thread(pid: int, trace: bool) -> None:
    """Have a native thread wait for the child, unless one does already; the lock is held."""
    key = (pid, trace)
    if key not in _threads:
        _threads.add(key)
        try:
            start_helper(_wait, key)
        except BaseException:
            _threads.discard(key)
            raise


def _wait(pid: int, trace: bool) -> None:
    """Wait for the changes of one child until its end, in a native thread."""
    flags = os.WEXITED | os.WNOWAIT
    if trace:
        flags |= os.WSTOPPED | os.WCONTINUED
    more = True
    while more:
        gone = False
        try:
            # Takes nothing: the watchers may have changed while this thread slept.
            _original.waitid(os.P_PID, pid, flags)
        except ChildProcessError:
            gone = True
        with _lock:
            more = _take(pid, trace, gone)
            if not more:
                _threads.discard((pid, trace))


def _take(pid: int, trace: bool, gone: bool) -> bool:
    """Take what has happened to the child, if anybody watches it; the lock is held. Return whether to wait on."""
    watchers = [watcher for watcher in _watched.get(pid, ()) if watcher._trace or not trace]
    if not watchers:
        return False
    status: int | None = None
    if not gone:
        try:
            found, status = _original.waitpid(
                pid, os.WNOHANG | (os.WUNTRACED | os.WCONTINUED if trace else 0)
            )
        except ChildProcessError:
            found, status = pid, None
        if not found:
            # Other code took it in between.
            return True
    if status is not None and (os.WIFSTOPPED(status) or os.WIFCONTINUED(status)):
        for watcher in watchers:
            watcher._tell(status)
        return True
    _tell_all(pid, status)
    return False


def _after_fork_in_child() -> None:
    """Forget the watchers and threads of the parent."""
    _original.renew_lock(_lock)
    _watched.clear()
    _threads.clear()


_atfork.register(_atfork.LOCKS, _after_fork_in_child)
