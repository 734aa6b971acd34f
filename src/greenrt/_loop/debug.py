"""What a loop looks for while its `debug` is true: slow callbacks, fds closed under a waiter, idling without end."""

import os
import time

from greenrt import _log
from greenrt._render import render
from greenrt._typing import Any

__all__ = ["Inspector"]

# A callback that takes longer is reported (seconds): nothing else of the thread runs meanwhile.
SLOW = 0.05

# Idle watchers that keep the loop from sleeping for so long are reported (seconds).
IDLE = 10.0


class Inspector:
    """Looks at one loop. Reports to the log, each thing once; owner thread only."""

    def __init__(self, loop: Any, tracer: Any = None) -> None:
        self.loop = loop
        # Looks at the greenlets.
        self._tracer = tracer
        # The identity of each file that is waited for, by fd and how often that was closed; None once reported.
        self._files: dict[tuple[int, int], tuple[int, int] | None] = {}
        self._idle_since: float | None = None

    def close(self) -> None:
        """Look no more."""
        if self._tracer is not None:
            self._tracer.close()

    def run(self, entry: Any) -> None:
        """Run an entry of the run queue."""
        # Taken first: a callback that is done forgets what it called.
        self.call(entry.run, entry, getattr(entry, "callback", None))

    def call_hook(self, hook: Any) -> None:
        """Call a prepare or check watcher."""
        self.call(hook.call_now, hook, hook.callback)

    def call(self, function: Any, entry: Any, callback: Any) -> None:
        """Call `function`, and report it, by the names of `entry` and `callback`, if it was slow."""
        start = time.monotonic()
        try:
            function()
        finally:
            took = time.monotonic() - start
            if took > SLOW:
                _log.warn(
                    "%s took %.0f ms in the hub of %r, in which nothing else ran; use a greenlet or a thread",
                    _name(entry, callback),
                    took * 1000,
                    self.loop,
                )

    def look(self) -> None:
        """Look for what is wrong between two turns."""
        self._look_at_files()
        self._look_at_idles()

    def _look_at_files(self) -> None:
        known, self._files = self._files, {}
        for entry in self.loop.fds.all_entries():
            key = (entry.fd, entry.closes)
            try:
                stat = os.fstat(entry.fd)
                file = (stat.st_dev, stat.st_ino)
            except OSError:
                file = None
            if key in known:
                first = known[key]
                lost = first is not None and file != first
            else:
                first = file
                lost = file is None
            if lost:
                _log.error(
                    "fd %d was closed%s while %s waits for it: close a cooperative socket, or stop the watcher first",
                    entry.fd,
                    "" if file is None else " and is another file's now,",
                    render(entry.waiters()),
                )
                first = None
            self._files[key] = first

    def _look_at_idles(self) -> None:
        idles = self.loop.idles
        if not idles:
            self._idle_since = None
            return
        now = time.monotonic()
        if self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since > IDLE:
            # Until they are stopped there is nothing new to tell.
            self._idle_since = now + 1e9
            _log.warn(
                "for %.0f s %s have kept %r from sleeping, at the price of a processor",
                IDLE,
                render(idles),
                self.loop,
            )


def _name(entry: Any, callback: Any) -> str:
    kind = type(entry).__name__
    if callback is None:
        return f"a {kind}"
    code = getattr(callback, "__code__", None)
    where = f" ({code.co_filename}:{code.co_firstlineno})" if code is not None else ""
    return f"the callback {render(callback)}{where} of a {kind}"
