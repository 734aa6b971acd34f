"""One question asked by UDP, until a name server answers it.

Its sockets are its own, and so are their ports: who forges an answer has to guess a port, an id and the case of all
letters. What is not the answer is skipped, as by the C library: a stray datagram ends nothing. The servers are asked
in turn; the socket of each stays open, so that a late answer is one too.
"""

import _socket
import errno
from collections.abc import Callable, Sequence

from greenrt._loop.entry import READ
from greenrt._loop.loop import Loop
from greenrt._original import socket_type
from greenrt._typing import Any
from greenrt.dns.errors import Malformed, NxDomain, ResolverError, ServFail, TimedOut
from greenrt.dns.wire import FORMERR, NOERROR, NXDOMAIN, BadMessage, Question, Record

__all__ = ["Exchange", "Failure", "Server"]

# Family and socket address.
Server = tuple[int, tuple[Any, ...]]
# The class and the detail of an error.
Failure = tuple[type[ResolverError], str]

MAX_DATAGRAM = 65535
# Errors that pass when others give something back, and how long to wait for that (seconds).
PASSING = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))
RETRY = 0.05

UNREACHABLE: Failure = (ServFail, "no name server could be reached")
FAILED: Failure = (ServFail, "")
SILENT: Failure = (TimedOut, "")


class Exchange:
    """`question` to `servers`: each has `timeout` seconds to answer, and is asked `attempts` times.

    Ends with one call, perhaps within `start`: ``answered(records, None)`` or ``answered(None, failure)``, or
    ``truncated()`` if the answer has to be fetched by TCP. For the loop's thread only.
    """

    __slots__ = (
        "_answered",
        "_asked_at",
        "_loop",
        "_other_case",
        "_question",
        "_servers",
        "_sockets",
        "_timeout",
        "_timer",
        "_truncated",
        "_turns",
        "_waits",
    )

    def __init__(
        self,
        loop: Loop,
        question: Question,
        servers: Sequence[Server],
        timeout: float,
        attempts: int,
        answered: Callable[[list[Record] | None, Failure | None], object],
        truncated: Callable[[], object],
    ) -> None:
        self._loop = loop
        self._question = question
        self._servers = servers
        self._timeout = timeout
        # How often a server is still to be asked, and which one was asked last.
        self._turns = attempts * len(servers)
        self._asked_at = -1
        self._answered = answered
        self._truncated = truncated
        # By the number of the server: its socket, and the watcher of that.
        self._sockets: dict[int, tuple[Any, Any]] = {}
        self._timer: Any = None
        # How often descriptors and the like were waited for.
        self._waits = 0
        self._other_case = False

    def start(self) -> None:
        """Ask."""
        self._next(FAILED)

    def close(self) -> None:
        """Wait no more; idempotent."""
        fds = self._loop.fds
        sockets, self._sockets = self._sockets, {}
        for sock, watcher in sockets.values():
            watcher.close()
            fds.forget(sock.fileno())
            sock.close()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.close()

    def abandon(self) -> None:
        """Close in the child of a fork, whose loop may still share its kernel object: nothing is said to that."""
        sockets, self._sockets = self._sockets, {}
        for sock, watcher in sockets.values():
            watcher.close()
            sock.close()
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.close()

    def _end(self, records: list[Record] | None, failure: Failure | None) -> None:
        self.close()
        self._answered(records, failure)

    def _next(self, failure: Failure) -> None:
        """Ask the next server; if all had their turns, `failure` is the end."""
        while self._turns:
            self._turns -= 1
            self._asked_at = (self._asked_at + 1) % len(self._servers)
            try:
                self._send()
                return
            except OSError as error:
                if error.errno in PASSING and self._waits * RETRY < self._timeout:
                    self._waits += 1
                    self._turns += 1
                    self._asked_at -= 1
                    self._wait(RETRY, self._next, failure)
                    return
                failure = UNREACHABLE
        self._end(None, failure)

    def _send(self) -> None:
        at = self._asked_at
        if at not in self._sockets:
            family, address = self._servers[at]
            sock = socket_type(family, _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC, 0)
            try:
                sock.connect(address)
                watcher = self._loop.io(sock.fileno(), READ)
                watcher.start(self._arrived, at)
            except BaseException:
                sock.close()
                raise
            self._sockets[at] = sock, watcher
        self._wait(self._timeout, self._late)
        try:
            self._sockets[at][0].send(self._question.data)
        except BlockingIOError:
            # As good as lost on the way.
            pass

    def _wait(self, seconds: float, callback: Callable[..., object], *args: Any) -> None:
        if self._timer is not None:
            self._timer.close()
        self._timer = self._loop.timer(seconds)
        self._timer.start(callback, *args)

    def _late(self) -> None:
        if self._other_case:
            # Some servers do not repeat the case of letters. By TCP there is no need to.
            self.close()
            self._truncated()
        else:
            self._next(SILENT)

    def _arrived(self, at: int) -> None:
        """A datagram from server number `at` can be read."""
        question = self._question
        try:
            reply = self._sockets[at][0].recv(MAX_DATAGRAM)
        except BlockingIOError:
            return
        except OSError:
            self._failed(at, UNREACHABLE)
            return
        code = question.answered_by(reply)
        if code is None:
            self._other_case = self._other_case or question.answered_in_other_case(reply)
        elif code == FORMERR and question.edns:
            question.without_edns()
            self._turns += 1
            self._asked_at = at - 1
            self._next(FAILED)
        elif code == NXDOMAIN:
            self._end(None, (NxDomain, ""))
        elif code == FORMERR:
            self._end(None, (Malformed, ""))
        elif code != NOERROR:
            self._failed(at, FAILED)
        elif question.is_truncated(reply):
            self.close()
            self._truncated()
        elif question.is_lame(reply):
            self._failed(at, FAILED)
        else:
            self._read(at, reply)

    def _read(self, at: int, reply: bytes) -> None:
        try:
            records = self._question.records(reply)
        except BadMessage as error:
            self._failed(at, (Malformed, str(error)))
        else:
            self._end(records, None)

    def _failed(self, at: int, failure: Failure) -> None:
        """Server number `at` is of no help; go on if it is the one that is waited for."""
        if at == self._asked_at:
            self._next(failure)
