"""The native thread that answers questions about the process, whatever the program's own threads do.

There is one such thread, and only while the process has a source of questions, such as a socket. It takes the GIL
only for an answer.
"""

import atexit
import os
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
# How often the thread looks whether its fds are still its own, in seconds: nothing can wake it when they are not.
LOOK = 2.0
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

    def lose(self) -> None:
        """Forget the fds, without closing them: the program has closed them."""

    def renew(self) -> None:
        """In the child of a fork, give up what belongs to the parent."""

    def start_again(self) -> None:
        """Replace what `renew` or `lose` has given up. Raise OSError if that is impossible."""

    def end(self) -> None:
        """Give up everything, without waiting: the process ends."""


class AnsweringThread:
    """The thread, and its sources."""

    def __init__(self) -> None:
        # Re-entrant, since a signal handler may use it too.
        self._lock = _original.RLock()
        self._sources: list[Source] = []
        self._wakeup: Wakeup | None = None
        # The file of each fd that the thread polls, as device and inode. Eventfds are all the same file, so the
        # thread polls none: the number of a closed one may come to belong to one of the program's, or of a loop's.
        self._files: dict[int, tuple[int, int] | None] = {}
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
                    self._wakeup = Wakeup(pipe=True)
                self._note_files()
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
                if self._is_lost(source.fileno()):
                    source.lose()
                self._sources = [each for each in self._sources if each is not source]
                if self._sources:
                    self._resident.start()
                self._end_without_sources()

    def _end_without_sources(self) -> None:
        if not self._sources:
            self._resident.stop()
            self._drop_wakeup()

    def _drop_wakeup(self) -> None:
        wakeup, self._wakeup = self._wakeup, None
        if wakeup is not None and not self._is_lost(wakeup.fd):
            wakeup.close()

    def end(self) -> None:
        """End the thread and all sources: the process ends."""
        with self._lock:
            for source in self._sources:
                if self._is_lost(source.fileno()):
                    source.lose()
            sources, self._sources = self._sources, []
            self._end_without_sources()
        for source in sources:
            source.end()

    # -- In the thread

    def _answer_all(self) -> None:
        with suppress(Interrupted):
            while not self._has_lost_files():
                try:
                    self._answer_next()
                except Interrupted:
                    raise
                except Exception:
                    # For example, the asker has left, memory has run out, or the program has just closed an fd.
                    _original.sleep(REST)
            # First the loop replaces its own fds: until then, it would take new ones here for those.
            at_next_turn(self._replace_lost_files)

    def _answer_next(self) -> None:
        wakeup = self._wakeup
        assert wakeup is not None
        wakeup.drain()
        # The interruption comes before its wake-up.
        self.check()
        sources = {source.fileno(): source for source in self._sources}
        sources.pop(-1, None)
        poll = _original.poll()
        for fd in (wakeup.fd, *sources):
            poll.register(fd, POLLIN)
        for fd, _ in poll.poll(LOOK * 1000):
            if fd in sources and not self._is_lost(fd):
                sources[fd].answer()

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

    def write(self, fd: int, data: bytes, deadline: float, piece: int = PIECE) -> None:
        """Write all of `data`, at most `piece` bytes by one write(2). Raise as `read` does."""
        view = memoryview(data)
        while view:
            self._wait(fd, POLLOUT, deadline)
            view = view[_original.write(fd, view[:piece]) :]

    # -- The program closes all files that it does not know, as a daemon does

    def _fds(self) -> list[int]:
        fds = [
            -1 if self._wakeup is None else self._wakeup.fd,
            *(source.fileno() for source in self._sources),
        ]
        return [fd for fd in fds if fd >= 0]

    def _note_files(self) -> None:
        self._files = {fd: _file_of(fd) for fd in self._fds()}

    def _is_lost(self, fd: int) -> bool:
        if fd not in self._files:
            return False
        file = _file_of(fd)
        return file is None or file != self._files[fd]

    def _has_lost_files(self) -> bool:
        return any(map(self._is_lost, self._fds()))

    def _replace_lost_files(self) -> None:
        """Replace the fds that are lost, and the thread, which has noticed it and has ended."""
        with self._lock:
            if self._has_lost_files():
                self._resident.stop()
                # Not closed, and not written to: the number may belong to a file of the program.
                self._drop_wakeup()
                for source in self._sources:
                    if self._is_lost(source.fileno()):
                        source.lose()
                self._go_on()

    # -- Around forks

    def _interrupt(self) -> None:
        if self._wakeup is not None and not self._is_lost(self._wakeup.fd):
            self._wakeup.send()

    def _renew(self) -> None:
        self._lock = _original.RLock()
        if self._wakeup is not None and not self._is_lost(self._wakeup.fd):
            self._wakeup.close(await_senders=False)
        self._wakeup = Wakeup(pipe=True)
        for source in self._sources:
            if self._is_lost(source.fileno()):
                source.lose()
            else:
                source.renew()
        self._note_files()
        # Many children only call exec, and would leave the files of their sockets behind.
        at_next_turn(self._start_again)

    def _start_again(self) -> None:
        with self._lock:
            # Otherwise the thread is about to notice it.
            if not self._has_lost_files():
                self._go_on()

    def _go_on(self) -> None:
        for source in self._sources:
            with suppress(OSError):
                source.start_again()
        if self._sources:
            if self._wakeup is None:
                self._wakeup = Wakeup(pipe=True)
            self._note_files()
            self._resident.start()
            self._wakeup.send()


def _file_of(fd: int) -> tuple[int, int] | None:
    """Return the device and the inode of an fd; None if it is closed."""
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


answering = AnsweringThread()
atexit.register(answering.end)
