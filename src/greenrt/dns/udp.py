"""One question asked by UDP, until a name server answers it.

Its sockets are its own, and so are their ports: a forger has to guess a port, an id and the case of all
letters. What is not the answer is skipped, as by the C library: a stray datagram ends nothing. The servers are asked
in turn; the socket of each stays open, so that a late answer is one too.
"""

import _socket
import errno
from collections.abc import Sequence

from greenrt._loop.callback import READ, Entry
from greenrt._loop.fd_table import CLOSED
from greenrt._loop.loop import Loop
from greenrt._original import getaddrinfo, socket_type
from greenrt._typing import Any
from greenrt.dns.answer import Malformed, NxDomain, ResolverError, ServFail, TimedOut
from greenrt.dns.message import FORMERR, NOERROR, NXDOMAIN, BadMessage, Question, Record

__all__ = ["Asker", "Exchange", "Failure", "Server", "parse_server"]

# Family and socket address.
Server = tuple[int, tuple[Any, ...]]
# The class and the detail of an error.
Failure = tuple[type[ResolverError], str]

PORT = 53
MAX_DATAGRAM = 65535
# How many datagrams a server's socket may get that do not end the exchange.
MAX_VAIN = 100
KIND = _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
# Errors that pass when others give something back, and how long to wait for that (seconds).
PASSING = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))
RETRY = 0.05
# Errors that say that the socket is no more.
CLOSED_ERRORS = frozenset((errno.EBADF, errno.ENOTSOCK))

UNREACHABLE: Failure = (ServFail, "no name server could be reached")
FAILED: Failure = (ServFail, "")
SILENT: Failure = (TimedOut, "")


class Asker:
    """Whom an `Exchange` tells how it ended: by one call, of one of these."""

    __slots__ = ()

    def answered(self, records: list[Record] | None, failure: Failure | None) -> None:
        """The end: `records`, or if they are None `failure`."""
        raise NotImplementedError

    def truncated(self) -> None:
        """The end: the answer has to be fetched by TCP."""
        raise NotImplementedError


class Asked(Entry):
    """A server that was asked, number `at` of its `exchange`: waits for what comes to its socket."""

    __slots__ = ("at", "exchange", "fd", "gone", "queued", "sock", "vain")

    def __init__(self, exchange: "Exchange", at: int, sock: Any) -> None:
        self.exchange = exchange
        self.at = at
        self.sock = sock
        self.fd = sock.fileno()
        self.queued = False
        # Whether the socket was closed by others, and its number may be another file's.
        self.gone = False
        # How many datagrams came that did not end the exchange.
        self.vain = 0

    def fire(self, events: int) -> None:
        """See `Entry.fire`."""
        if events & CLOSED:
            self.gone = True
        if not self.queued:
            self.queued = True
            self.exchange.queue(self)

    def run(self) -> None:
        """See `Entry.run`."""
        self.queued = False
        self.exchange.arrived(self)


class Exchange(Entry):
    """`question` to `servers`: each has `timeout` seconds to answer, and is asked `attempts` times.

    Ends with one call of a method of `asker`, perhaps within `start`. For the loop's thread only. As an entry of the
    loop it waits for the time to ask again.
    """

    __slots__ = (
        "_asked",
        "_asked_at",
        "_asker",
        "_ended",
        "_failure",
        "_flooded",
        "_loop",
        "_other_case",
        "_question",
        "_servers",
        "_timeout",
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
        asker: Asker,
    ) -> None:
        self._loop = loop
        self._question = question
        self._servers = servers
        self._timeout = timeout
        # How often a server is still to be asked, and which one was asked last.
        self._turns = attempts * len(servers)
        self._asked_at = -1
        self._asker = asker
        # The servers that may answer: one at most for each number.
        self._asked: list[Asked] = []
        self._ended = False
        # How often descriptors and the like were waited for; what had failed before, while they are.
        self._waits = 0
        self._failure: Failure | None = None
        self._other_case = False
        # Whether so many datagrams came that others may forge answers.
        self._flooded = False

    def start(self) -> None:
        """Ask."""
        self._next(FAILED)

    def close(self) -> None:
        """Wait no more; idempotent."""
        for asked in self._end_all():
            self._close_socket(asked)

    def _close_socket(self, asked: Asked) -> None:
        if asked.gone:
            asked.sock.detach()
        else:
            fds = self._loop.fds
            fds.forget(asked.fd)
            asked.sock.close()

    def abandon(self) -> None:
        """Close in the child of a fork, whose loop may still share its kernel object: nothing is said to that."""
        for asked in self._end_all():
            asked.sock.close()

    def _end_all(self) -> list[Asked]:
        """Wait for nothing more; return whose sockets are to be closed."""
        self._ended = True
        fds = self._loop.fds
        self._loop.timers.remove(self)
        servers, self._asked = self._asked, []
        for asked in servers:
            fds.withdraw(asked.fd, asked)
        return servers

    def _end(self, records: list[Record] | None, failure: Failure | None) -> None:
        self.close()
        self._asker.answered(records, failure)

    def _end_truncated(self) -> None:
        self.close()
        self._asker.truncated()

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
                    self._wait(RETRY, failure)
                    return
                failure = UNREACHABLE
        if self._flooded:
            # An answer by TCP cannot be forged from afar.
            self._end_truncated()
        else:
            self._end(None, failure)

    def _send(self) -> None:
        asked = self._server(self._asked_at)
        self._wait(self._timeout)
        try:
            asked.sock.send(self._question.data)
        except BlockingIOError:
            # As good as lost on the way.
            pass

    def _server(self, at: int) -> Asked:
        """Return server number `at`, connected."""
        for asked in self._asked:
            if asked.at == at:
                return asked
        family, address = self._servers[at]
        sock = socket_type(family, KIND, 0)
        try:
            sock.connect(address)
            asked = Asked(self, at, sock)
            self._loop.fds.park(asked.fd, READ, asked)
        except BaseException:
            sock.close()
            raise
        self._asked.append(asked)
        return asked

    def _wait(self, seconds: float, failure: Failure | None = None) -> None:
        """Go on after `seconds`: as if a server had failed, or if there is no `failure` as if it were silent."""
        self._failure = failure
        loop = self._loop
        timers = loop.timers
        timers.remove(self)
        timers.push(self, loop.clock.now() + seconds)

    def fire(self, events: int) -> None:
        """See `Entry.fire`: the time is up."""
        self.queue(self)

    def queue(self, entry: Entry) -> None:
        """Let the loop run `entry`."""
        self._loop.ready.append(entry)

    def run(self) -> None:
        """See `Entry.run`."""
        if self._ended or self._loop.timers.contains(self):
            # Over, or something came in the last moment and another server was asked.
            return
        if self._failure is not None:
            self._next(self._failure)
        elif self._other_case:
            # Some servers do not repeat the case of letters. By TCP there is no need to.
            self._end_truncated()
        else:
            self._next(SILENT)

    def arrived(self, asked: Asked) -> None:
        """Something can be read from the socket of `asked`, or others closed that."""
        if self._ended:
            return
        try:
            if asked.gone:
                raise OSError(errno.EBADF, "the socket was closed")
            try:
                reply = asked.sock.recv(MAX_DATAGRAM)
            except BlockingIOError:
                self._loop.fds.park(asked.fd, READ, asked)
                return
        except OSError as error:
            if error.errno in CLOSED_ERRORS:
                self._asked.remove(asked)
                asked.sock.detach()
            self._failed(asked, UNREACHABLE)
        else:
            self._read(asked, reply)
        if asked not in self._asked:
            return
        asked.vain += 1
        if asked.vain <= MAX_VAIN:
            # More may have arrived, and the loop reports only what is new.
            asked.fire(READ)
        else:
            self._shut_out(asked)

    def _shut_out(self, asked: Asked) -> None:
        """Close the socket of a server that never stops sending; its next turn has another port."""
        fds = self._loop.fds
        self._asked.remove(asked)
        fds.withdraw(asked.fd, asked)
        self._close_socket(asked)
        self._flooded = True
        self._failed(asked, FAILED)

    def _read(self, asked: Asked, reply: bytes) -> None:
        question = self._question
        code = question.answered_by(reply)
        if code is None:
            self._other_case = self._other_case or question.answered_in_other_case(reply)
        elif code == FORMERR and question.edns:
            question.without_edns()
            self._turns += 1
            self._asked_at = asked.at - 1
            self._next(FAILED)
        elif code == NXDOMAIN:
            self._end(None, (NxDomain, ""))
        elif code == FORMERR:
            self._end(None, (Malformed, ""))
        elif code != NOERROR:
            self._failed(asked, FAILED)
        elif question.is_truncated(reply):
            self._end_truncated()
        elif question.is_lame(reply):
            self._failed(asked, FAILED)
        else:
            try:
                records = question.records(reply)
            except BadMessage as error:
                self._failed(asked, (Malformed, str(error)))
            else:
                self._end(records, None)

    def _failed(self, asked: Asked, failure: Failure) -> None:
        """The server is of no help; go on if it is the one that is waited for."""
        if asked.at == self._asked_at:
            self._next(failure)


def parse_server(text: str) -> Server:
    """Return family and socket address of ``address``, ``address:port`` or ``[address]:port``, else ValueError."""
    host, port = text, str(PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    flags = _socket.AI_NUMERICHOST | _socket.AI_NUMERICSERV
    try:
        found = getaddrinfo(host, int(port), 0, _socket.SOCK_DGRAM, 0, flags)
    except (OSError, ValueError, OverflowError) as error:
        raise ValueError(
            f"not the address of a name server: {text!r} ({error}); write address, address:port or [address]:port"
        ) from None
    return found[0][0], found[0][4]
