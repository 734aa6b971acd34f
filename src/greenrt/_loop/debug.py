"""Checks that a loop makes while its `debug` is true: slow callbacks, fds closed under a waiter, endless idling."""

import os
import time

from greenrt import _log
from greenrt._render import render
from greenrt._typing import Any

__all__ = ["Inspector"]

# A callback that takes longer (seconds) is reported, since it blocks all other greenlets of the thread.
SLOW = 0.05

# Idle watchers that keep the loop awake for so long (seconds) are reported.
IDLE = 10.0


class Inspector:
    """Checks one loop, and logs each problem once. Owner thread only.

    loop: the loop. tracer: checks greenlets, and is closed with the inspector; None for none.
    """

    def __init__(self, loop: Any, tracer: Any = None) -> None:
        self.loop = loop
        self._tracer = tracer
        # The identity of each file with waiters, by fd and the number of its closes; None once it was reported.
        self._files: dict[tuple[int, int], tuple[int, int] | None] = {}
        self._idle_since: float | None = None

    def close(self) -> None:
        """Stop checking greenlets."""
        if self._tracer is not None:
            self._tracer.close()

    def run(self, entry: Any) -> None:
        """Run an entry of the run queue."""
        # The callback is read first: an entry drops it when it runs.
        self.call(entry.run, entry, getattr(entry, "callback", None))

    def call_hook(self, hook: Any) -> None:
        """Call a prepare or check watcher."""
        self.call(hook.call_now, hook, hook.callback)

    def call(self, function: Any, entry: Any, callback: Any) -> None:
        """Call `function`; if it was slow, log that with the names of `entry` and `callback`."""
        start = time.monotonic()
        try:
            function()
        finally:
            took = time.monotonic() - start
            if took > SLOW:
                _log.warn(
                    "%s took %.0f ms in the hub of %r, and blocked all its greenlets; use a greenlet or a thread",
                    _name(entry, callback),
                    took * 1000,
                    self.loop,
                )

    def check(self) -> None:
        """Check the state of the loop between two turns."""
        self._check_files()
        self._check_idles()

    def _check_files(self) -> None:
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
                    "fd %d was closed%s while %s waits for it; close a cooperative socket, or stop the watcher first",
                    entry.fd,
                    "" if file is None else ", and now belongs to another file,",
                    render(entry.waiters()),
                )
                first = None
            self._files[key] = first

    def _check_idles(self) -> None:
        idles = self.loop.idles
        if not idles:
            self._idle_since = None
            return
        now = time.monotonic()
        if self._idle_since is None:
            self._idle_since = now
        elif now - self._idle_since > IDLE:
            # No second report until they are stopped.
            self._idle_since = now + 1e9
            _log.warn(
                "for %.0f s the idle watchers %s have kept %r awake, which uses a whole processor; stop them",
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
