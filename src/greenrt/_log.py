"""What greenrt says of itself, through ``logging.getLogger("greenrt")``.

The runtime reports from where nothing may block and no greenlet may be switched: a hub, a loop that closes, a
finalizer. But any step of `logging` may wait: its locks, which may be held by a suspended greenlet, and the user's
handlers, which may send to a socket. So `warn` and `error` only queue. A native thread, which ends when it has
nothing left, passes the records on; in it each wait is an ordinary one.
"""

import atexit
import sys
import time
from collections import deque

from greenrt import _atfork, _original
from greenrt._typing import Any

__all__ = ["error", "flush", "warn"]

# As in `logging`, which is imported when there is something to say.
WARNING = 30
ERROR = 40

# So many wait at most for handlers that are slow; more go to stderr.
MOST = 1000

# How long the end of the process waits for the handlers, in seconds.
AT_EXIT = 5.0

# (level, text, time of day, thread)
_records: deque[tuple[int, str, float, int]] = deque()

# Held while a thread passes records on. Only `flush` waits for it.
_busy = _original.allocate_lock()

_at_exit: list[Any] = []


def warn(message: str, *args: object) -> None:
    """Log ``message % args`` as a warning. Any thread, finalizers, signal handlers; never blocks or switches."""
    _report(WARNING, message % args if args else message)


def error(message: str, *args: object) -> None:
    """Log ``message % args`` as an error. Any thread, finalizers, signal handlers; never blocks or switches."""
    _report(ERROR, message % args if args else message)


def flush(timeout: float) -> bool:
    """Block the native thread until all has been passed on; False after `timeout` seconds. Never in a hub."""
    give_up = time.monotonic() + timeout
    while _records or _busy.locked():
        if not _busy.acquire(timeout=max(0.0, give_up - time.monotonic())):
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
        # Handlers are closed at exit too, by `logging`, and what is registered last is called first.
        _at_exit.append(atexit.register(flush, AT_EXIT))
    _start()


def _start() -> None:
    """Have a thread pass the records on, unless one does."""
    busy = _busy
    if not _records or not busy.acquire(blocking=False):
        return
    try:
        # No helper: handlers are the program's, and may start processes, which inherit the signal mask.
        _original.start_new_thread(_pass_on, (busy,))
    except RuntimeError:
        # No more threads, or the interpreter ends.
        while _records:
            _write(_records.popleft()[1])
        busy.release()


def _pass_on(busy: Any) -> None:
    while True:
        while _records:
            _emit(*_records.popleft())
        busy.release()
        # A thread that added one meanwhile may have found the lock taken.
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
            record.threadName = _name_of(ident)
            logger.handle(record)
    except BaseException as failure:
        # Of a handler or filter. It must not end what it was to tell about.
        _write(f"{text}\n(could not be logged: {failure!r})")


def _name_of(ident: int) -> str:
    thread = getattr(sys.modules.get("threading"), "_active", {}).get(ident)
    return f"{ident:#x}" if thread is None else str(thread.name)


def _write(text: str) -> None:
    try:
        _original.write(2, f"greenrt: {text}\n".encode(errors="backslashreplace"))
    except OSError:
        # No handler is left.
        pass


def _renew_after_fork() -> None:
    # What waited is the parent's to tell, and its thread is not here.
    global _busy
    _busy = _original.allocate_lock()
    _records.clear()


_atfork.register(_atfork.LOCKS, _renew_after_fork)
