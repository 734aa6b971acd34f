"""The native thread that answers questions about the process, whatever the program's own threads do.

There is one such thread, and only while the process has a source of questions, such as a socket. It takes the GIL
only for an answer.
"""

import atexit
from contextlib import suppress
from select import POLLIN, POLLOUT

from greenrt import _original
from greenrt._hub.current_hub import at_next_turn
from greenrt._hub.resident import Resident
from greenrt._loop.wakeup import Wakeup
from greenrt._native.thread import monotonic
from greenrt._typing import Protocol

__all__ = ["Interrupted", "Source", "answering"]

# The most bytes of one write(2). A pipe that poll(2) calls writable takes as many without blocking.
PIECE = 4096
# How long the thread rests after a question that it could not answer, in seconds.
REST = 0.01


class Interrupted(Exception):
    """The answering thread must stop now; the question stays unanswered."""


class Source(Protocol):
    """Where questions come from."""

    def fileno(self) -> int:
        """Return an fd that is readable while a question waits, or -1 for none."""

    def answer(self) -> None:
        """Answer one question, in the answering thread. Its errors are ignored."""

    def renew(self) -> None:
        """In the child of a fork, give up what belongs to the parent."""

    def start_again(self) -> None:
        """In the child of a fork, replace what `renew` has given up. Raise OSError if that is impossible."""

    def end(self) -> None:
        """Give up everything, without waiting: the process ends."""


class AnsweringThread:
    """The thread, and its sources."""

    def __init__(self) -> None:
        # Re-entrant, since a signal handler may use it too.
        self._lock = _original.RLock()
        self._sources: list[Source] = []
        self._wakeup: Wakeup | None = None
        self._resident = Resident(self._answer_all, self._interrupt, self._renew)

    def add(self, source: Source) -> None:
        """Answer the questions of `source` from now on. Raise OSError or RuntimeError if that is impossible.

        Any thread may call this.
        """
        with self._lock:
            # The thread reads the list, so it is never changed.
            before, self._sources = self._sources, [*self._sources, source]
            try:
                if self._wakeup is None:
                    self._wakeup = Wakeup()
                self._resident.start()
            except BaseException:
                self._sources = before
                self._end_without_sources()
                raise
            self._wakeup.send()

    def remove(self, source: Source) -> None:
        """Answer no more questions of `source`; no-op if it was not added. Any thread may call this."""
        with self._lock:
            if source in self._sources:
                # The thread must not poll an fd that is about to be closed.
                self._resident.stop()
                self._sources = [each for each in self._sources if each is not source]
                if self._sources:
                    self._resident.start()
                self._end_without_sources()

    def _end_without_sources(self) -> None:
        if not self._sources:
            self._resident.stop()
            wakeup, self._wakeup = self._wakeup, None
            if wakeup is not None:
                wakeup.close()

    def end(self) -> None:
        """End the thread and all sources: the process ends."""
        with self._lock:
            sources, self._sources = self._sources, []
            self._end_without_sources()
        for source in sources:
            source.end()

    # -- In the thread

    def _answer_all(self) -> None:
        wakeup = self._wakeup
        assert wakeup is not None
        with suppress(Interrupted):
            while True:
                wakeup.drain()
                self.check()
                self._answer_next(wakeup)

    def _answer_next(self, wakeup: Wakeup) -> None:
        sources = {source.fileno(): source for source in self._sources}
        sources.pop(-1, None)
        poll = _original.poll()
        for fd in (wakeup.fd, *sources):
            poll.register(fd, POLLIN)
        for fd, _ in poll.poll():
            if fd in sources:
                try:
                    sources[fd].answer()
                except Interrupted:
                    raise
                except Exception:
                    # For example, the asker has left, or memory has run out.
                    _original.sleep(REST)

    def check(self) -> None:
        """Raise Interrupted if the thread must stop. For the steps of a long answer."""
        if self._resident.halting:
            raise Interrupted

    def _wait(self, fd: int, events: int, deadline: float) -> None:
        assert self._wakeup is not None
        poll = _original.poll()
        while True:
            # In this order: an interruption comes before its wake-up.
            self._wakeup.drain()
            self.check()
            poll.register(self._wakeup.fd, POLLIN)
            poll.register(fd, events)
            ready = [each for each, _ in poll.poll(max(0.0, deadline - monotonic()) * 1000)]
            if fd in ready:
                return
            if not ready:
                raise TimeoutError

    def read(self, fd: int, size: int, deadline: float) -> bytes:
        """Read at most `size` bytes as soon as there are any; none at the end.

        Raise TimeoutError at `deadline` (monotonic), Interrupted if the thread must stop, and OSError.
        """
        self._wait(fd, POLLIN, deadline)
        return bytes(_original.read(fd, size))

    def write(self, fd: int, data: bytes, deadline: float) -> None:
        """Write all of `data`. Raise as `read` does."""
        view = memoryview(data)
        while view:
            self._wait(fd, POLLOUT, deadline)
            view = view[_original.write(fd, view[:PIECE]) :]

    # -- Around forks

    def _interrupt(self) -> None:
        if self._wakeup is not None:
            self._wakeup.send()

    def _renew(self) -> None:
        self._lock = _original.RLock()
        if self._wakeup is not None:
            self._wakeup.close(await_senders=False)
            self._wakeup = Wakeup()
        for source in self._sources:
            source.renew()
        # Many children only call exec, and would leave the files of their sockets behind.
        at_next_turn(self._start_again)

    def _start_again(self) -> None:
        with self._lock:
            for source in self._sources:
                with suppress(OSError):
                    source.start_again()
            if self._wakeup is not None:
                self._wakeup.send()


answering = AnsweringThread()
atexit.register(answering.end)
