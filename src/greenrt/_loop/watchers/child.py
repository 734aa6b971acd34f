"""Watchers for the end of a child process, by pidfd_open(2) or by a native thread that waits for that child.

Any thread and any loop can watch any child. SIGCHLD and its handler stay untouched. This module reaps only children
that have a watcher: it never calls ``waitpid(-1)``.
"""

import os
from collections import deque
from collections.abc import Callable

from greenrt import _atfork, _original
from greenrt._events import CLOSED, READ
from greenrt._loop.callback import Callback
from greenrt._loop.processes import open_pidfd, wait_change
from greenrt._loop.turn import LoopBase
from greenrt._loop.watchers.base import Holder
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = ["Child"]

# All active watchers by pid: the watcher that reaps a child notifies the others. The lock also makes reaping and
# notifying one step. It is re-entrant, since a signal handler of the same thread may start a watcher inside.
_lock = _original.RLock()
_watched: dict[int, list["Child"]] = {}

# The (pid, trace) of each child for which a native thread waits.
_threads: set[tuple[int, bool]] = set()


class Child(Holder):
    """A watcher that reaps child process `pid` after its end, calls back once, and is stopped.

    pid: the positive pid of one process; ValueError otherwise. A process that does not exist counts as ended.
    trace: whether stops and continuations call back too (WUNTRACED, WCONTINUED). They do not stop the watcher.

    During the callback, `rpid` is the pid. `rstatus` is the status in the format of os.waitpid (see
    os.waitstatus_to_exitcode), or None if it is lost: other code has called waitpid, SIGCHLD is ignored (wait(2),
    ECHILD), or the process is no child of this one.

    A watcher that is stopped before the child's end leaves the child unreaped. In the child of a fork the watchers
    are stopped, since the parent's children are not its own.

    Without pidfd_open(2) (Linux before 5.3), without a free fd, and for `trace`, a native thread waits. After `stop`
    it still waits for the next change of the child, but then takes nothing.
    """

    __slots__ = ("_fd", "_statuses", "_trace", "pid", "rpid", "rstatus")

    def __init__(self, loop: LoopBase, pid: int, trace: bool = False, ref: bool = True) -> None:
        if pid <= 0:
            raise ValueError(f"loop.child() watches one process, by its positive pid, not {pid!r}")
        super().__init__(loop, ref)
        self.pid: int = pid
        self.rpid: int = 0
        self.rstatus: int | None = None
        self._trace = bool(trace)
        self._fd = -1
        # Statuses that were taken and not reported yet.
        self._statuses: deque[int | None] = deque()

    # -- The methods of Holder

    def _acquire(self) -> None:
        with _lock:
            _watched.setdefault(self.pid, []).append(self)
            try:
                self._watch()
            except BaseException:
                self._leave_table()
                raise

    def _release(self) -> None:
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
                # The process has ended and was reaped, or never existed.
                self._notify(None)
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

    # -- Changes of the child

    def fire(self, events: int) -> None:
        """See `Entry.fire`: the process has ended, as its pidfd shows. Without events, the call is from `feed`."""
        if not events:
            super().fire(0)
            return
        if events & CLOSED or self._fd < 0:
            return
        with _lock:
            # If not, another watcher of the same child has reaped it, and has notified this one.
            if self in _watched.get(self.pid, ()):
                _notify_all(self.pid, _reap(self._fd))

    def feed(self, events: int, callback: Callable[..., object] | None = None, *args: Any) -> None:
        """See `Watcher.feed`. `rpid` and `rstatus` stay as they are."""
        super().feed(0, callback, *args)

    def _notify(self, status: int | None) -> None:
        try:
            self.loop.post(Callback(self._on_change, (status,)))
        except LoopClosed:
            pass

    def _on_change(self, status: int | None) -> None:
        if self.active:
            self._statuses.append(status)
            super().fire(0)

    def run(self) -> None:
        """See `Entry.run`."""
        if not self.pending:
            return
        if not self._statuses:
            # `feed` queued the callback: the child has not changed.
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
    """Reap the process of a pidfd; return its status as waitpid(2) does, or None if it can't be reaped here."""
    try:
        info = _original.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return None
    if info is None:
        return None
    if info.si_code == os.CLD_EXITED:
        return int(info.si_status) << 8
    return int(info.si_status) | (0x80 if info.si_code == os.CLD_DUMPED else 0)


def _notify_all(pid: int, status: int | None) -> None:
    """Notify all watchers of `pid` of its end, and remove them. The caller holds the lock."""
    for watcher in _watched.pop(pid, ()):
        watcher._notify(status)


def _wait_in_thread(pid: int, trace: bool) -> None:
    """Make a native thread wait for the child, unless one does already. The caller holds the lock."""
    key = (pid, trace)
    if key in _threads:
        return
    options = os.WEXITED | (os.WSTOPPED | os.WCONTINUED if trace else 0)

    def take(gone: bool) -> bool:
        with _lock:
            more = _take(pid, trace, gone)
            if not more:
                _threads.discard(key)
        return more

    _threads.add(key)
    try:
        wait_change(os.P_PID, pid, options, take)
    except BaseException:
        _threads.discard(key)
        raise


def _take(pid: int, trace: bool, gone: bool) -> bool:
    """Take the change of the child if it has watchers; return whether to wait for another. The lock is held."""
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
            # Other code has taken the change in between.
            return True
    if status is not None and (os.WIFSTOPPED(status) or os.WIFCONTINUED(status)):
        for watcher in watchers:
            watcher._notify(status)
        return True
    _notify_all(pid, status)
    return False


def _after_fork_in_child() -> None:
    """Drop the watchers and threads of the parent."""
    _original.renew_lock(_lock)
    _watched.clear()
    _threads.clear()


_atfork.register(_atfork.LOCKS, _after_fork_in_child)
