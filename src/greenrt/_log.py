"""Log records of the runtime, for ``logging.getLogger("greenrt")``.

The runtime logs from places where nothing may block or switch greenlets: a hub, a loop that closes, a finalizer. But
any step of `logging` may wait. A suspended greenlet may hold one of its locks, and the program's handlers may send to
a socket. So `warn` and `error` only queue a record. A native thread hands the records to `logging` and ends when the
queue is empty; a wait in that thread blocks only that thread.
"""

import atexit
import time
from collections import deque

from greenrt import _atfork, _original
from greenrt._bare import thread_name
from greenrt._deadline import Deadline
from greenrt._typing import Any

__all__ = ["error", "flush", "warn"]

# As in `logging`, which is imported only for the first record.
WARNING = 30
ERROR = 40

# How many records may wait for slow handlers. Further records go to stderr.
MOST = 1000

# How long the process waits for the handlers when it exits, in seconds.
AT_EXIT = 5.0

# (level, text, seconds since the epoch, ident of the thread)
_records: deque[tuple[int, str, float, int]] = deque()

# A thread holds it while it hands records to `logging`. Only `flush` waits for it.
_busy = _original.allocate_lock()

_at_exit: list[Any] = []


def warn(message: str, *args: object) -> None:
    """Log ``message % args`` as a warning.

    Never blocks and never switches greenlets. May be called from any thread, finalizer or signal handler.
    """
    _report(WARNING, message % args if args else message)


def error(message: str, *args: object) -> None:
    """Log ``message % args`` as an error.

    Never blocks and never switches greenlets. May be called from any thread, finalizer or signal handler.
    """
    _report(ERROR, message % args if args else message)


def flush(timeout: float) -> bool:
    """Block the native thread until `logging` has received all records; return False after `timeout` seconds.

    Must not be called in a hub.
    """
    deadline = Deadline(timeout)
    while _records or _busy.locked():
        if not _busy.acquire(timeout=deadline.left() or 0.0):
            return False
        _busy.release()
        _start()
    return True


def _report(level: int, text: str) -> None:
    if len(_records) >= MOST:
        _write(text)
        return
    _records.append((level, text, time.time(), _original.get_ident()))
    if not _at_exit:
        # `logging` closes its handlers at exit. Functions registered later run earlier, so this one runs before.
        _at_exit.append(atexit.register(flush, AT_EXIT))
    _start()


def _start() -> None:
    """Start a thread that hands the records to `logging`, unless one is running."""
    busy = _busy
    if not _records or not busy.acquire(blocking=False):
        return
    try:
        # Not a helper thread, which blocks all signals: the program's handlers may start processes, and these would
        # inherit the signal mask.
        _original.start_new_thread(_emit_all, (busy,))
    except RuntimeError:
        # No more threads can be started, or the interpreter is being finalized.
        while _records:
            _write(_records.popleft()[1])
        busy.release()


def _emit_all(busy: Any) -> None:
    while True:
        while _records:
            _emit(*_records.popleft())
        busy.release()
        # Another thread may have added a record and found the lock taken.
        if not _records or not busy.acquire(blocking=False):
            return


def _emit(level: int, text: str, when: float, ident: int) -> None:
    try:
        import logging

        logger = logging.getLogger("greenrt")
        if logger.isEnabledFor(level):
            record = logger.makeRecord(logger.name, level, "(greenrt)", 0, text, (), None)
            record.created = when
            record.msecs = float(int(when % 1 * 1000))
            record.thread = ident
            record.threadName = thread_name(ident) or f"{ident:#x}"
            logger.handle(record)
    except BaseException as failure:
        # The error comes from a handler or filter. It must not suppress the record.
        _write(f"{text}\n(could not be logged: {failure!r})")


def _write(text: str) -> None:
    try:
        _original.write(2, f"greenrt: {text}\n".encode(errors="backslashreplace"))
    except OSError:
        # stderr is the last resort.
        pass


def _renew_after_fork() -> None:
    # The parent logs the queued records; its thread does not exist in the child.
    global _busy
    _busy = _original.allocate_lock()
    _records.clear()


_atfork.register(_atfork.LOCKS, _renew_after_fork)
