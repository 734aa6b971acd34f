"""One question sent by UDP, until a name server answers it.

Each question has sockets, and so ports, of its own: a forger has to guess a port, an id and the case of all letters.
Datagrams that are not the answer are skipped, as by the C library: a stray datagram does not end the exchange. The
servers are queried in turn. Their sockets stay open, so a late answer counts too.
"""

import _socket
import errno
from collections.abc import Sequence

from greenrt._arguments import check_iterable
from greenrt._events import CLOSED, READ
from greenrt._loop.callback import Entry
from greenrt._loop.loop import Loop
from greenrt._original import getaddrinfo, socket_type
from greenrt._typing import Any
from greenrt.dns.answer import Malformed, NxDomain, ResolverError, ServFail, TimedOut
from greenrt.dns.message import FORMERR, NOERROR, NXDOMAIN, BadMessage, Question, Record

__all__ = ["Exchange", "ExchangeOwner", "Failure", "Server", "checked_servers", "parse_server"]

# Family and socket address.
Server = tuple[int, tuple[Any, ...]]
# The class and the detail of the error.
Failure = tuple[type[ResolverError], str]

PORT = 53
MAX_DATAGRAM = 65535
# How many datagrams a server's socket may receive that do not end the exchange.
MAX_UNUSABLE = 100
KIND = _socket.SOCK_DGRAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
# Temporary errors that end when other code frees resources, and the time until the next try (seconds).
PASSING = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))
RETRY = 0.05
# Errors of a socket that other code has closed.
CLOSED_ERRORS = frozenset((errno.EBADF, errno.ENOTSOCK))

UNREACHABLE: Failure = (ServFail, "no name server could be reached")
FAILED: Failure = (ServFail, "")
SILENT: Failure = (TimedOut, "")


class ExchangeOwner:
    """The owner of an `Exchange`. The exchange calls one of these methods once, when it has ended."""

    __slots__ = ()

    def answered(self, records: list[Record] | None, failure: Failure | None) -> None:
        """Receive the answer: `records`, or the `failure` if they are None."""
        raise NotImplementedError

    def truncated(self) -> None:
        """The answer was truncated, or cannot be trusted: query again by TCP."""
        raise NotImplementedError


class Endpoint(Entry):
    """A connected socket to server number `at` of the `exchange`; the loop reports what arrives there."""

    __slots__ = ("at", "closed_elsewhere", "exchange", "fd", "queued", "sock", "unusable")

    def __init__(self, exchange: "Exchange", at: int, sock: Any) -> None:
        self.exchange: Exchange = exchange
        self.at: int = at
        self.sock: Any = sock
        self.fd: Any = sock.fileno()
        self.queued: bool = False
        # Whether other code has closed the socket. Its number may belong to another file then.
        self.closed_elsewhere: bool = False
        # How many datagrams arrived that did not end the exchange.
        self.unusable: int = 0

    def fire(self, events: int) -> None:
        """See `Entry.fire`."""
        if events & CLOSED:
            self.closed_elsewhere = True
        if not self.queued:
            self.queued = True
            self.exchange.queue(self)

    def run(self) -> None:
        """See `Entry.run`."""
        self.queued = False
        self.exchange.on_readable(self)


class Exchange(Entry):
    """One question to several servers. Only the loop's thread may use it.

    question: the question to send. servers: addresses of the servers, in their order. timeout: seconds for each
    server and attempt. attempts: how often each server is queried. owner: one of its methods reports the end,
    perhaps before `start` returns. As an entry of the loop, the exchange waits for the time of the next query.
    """

    __slots__ = (
        "_current",
        "_ended",
        "_endpoints",
        "_failure",
        "_flooded",
        "_loop",
        "_other_case",
        "_owner",
        "_queries_left",
        "_question",
        "_retries",
        "_servers",
        "_timeout",
    )

    def __init__(
        self,
        loop: Loop,
        question: Question,
        servers: Sequence[Server],
        timeout: float,
        attempts: int,
        owner: ExchangeOwner,
    ) -> None:
        self._loop = loop
        self._question = question
        self._servers = servers
        self._timeout = timeout
        # How many queries are left, and which server was queried last.
        self._queries_left = attempts * len(servers)
        self._current = -1
        self._owner = owner
        # The servers that may still answer, each number at most once.
        self._endpoints: list[Endpoint] = []
        self._ended = False
        # How often the exchange has waited for resources, and the failure before the present wait.
        self._retries = 0
        self._failure: Failure | None = None
        self._other_case = False
        # Whether one server sent so many datagrams that its answers may be forged.
        self._flooded = False

    def start(self) -> None:
        """Send the first query."""
        self._next(FAILED)

    def close(self) -> None:
        """End without an answer; idempotent."""
        for endpoint in self._detach_all():
            self._close_socket(endpoint)

    def _close_socket(self, endpoint: Endpoint) -> None:
        if endpoint.closed_elsewhere:
            endpoint.sock.detach()
        else:
            fds = self._loop.fds
            fds.forget(endpoint.fd)
            endpoint.sock.close()

    def abandon(self) -> None:
        """Close the sockets in the child of a fork. The loop may still share its epoll instance with the parent.

        So the sockets are not removed from that instance.
        """
        for endpoint in self._detach_all():
            endpoint.sock.close()

    def _detach_all(self) -> list[Endpoint]:
        """Stop waiting; return the sockets that the caller has to close."""
        self._ended = True
        fds = self._loop.fds
        self._loop.timers.remove(self)
        servers, self._endpoints = self._endpoints, []
        for endpoint in servers:
            fds.withdraw(endpoint.fd, endpoint)
        return servers

    def _end(self, records: list[Record] | None, failure: Failure | None) -> None:
        self.close()
        self._owner.answered(records, failure)

    def _end_truncated(self) -> None:
        self.close()
        self._owner.truncated()

    def _next(self, failure: Failure) -> None:
        """Query the next server; if no queries are left, end with `failure`."""
        while self._queries_left:
            self._queries_left -= 1
            self._current = (self._current + 1) % len(self._servers)
            try:
                self._send()
                return
            except OSError as error:
                if error.errno in PASSING and self._retries * RETRY < self._timeout:
                    self._retries += 1
                    self._queries_left += 1
                    self._current -= 1
                    self._set_timer(RETRY, failure)
                    return
                failure = UNREACHABLE
        if self._flooded:
            # An attacker that does not see the traffic cannot forge an answer over TCP.
            self._end_truncated()
        else:
            self._end(None, failure)

    def _send(self) -> None:
        endpoint = self._endpoint(self._current)
        self._set_timer(self._timeout)
        try:
            endpoint.sock.send(self._question.data)
        except BlockingIOError:
            # The same as a datagram that is lost in the network.
            pass

    def _endpoint(self, at: int) -> Endpoint:
        """Return the socket of server number `at`, connected."""
        for endpoint in self._endpoints:
            if endpoint.at == at:
                return endpoint
        family, address = self._servers[at]
        sock = socket_type(family, KIND, 0)
        try:
            sock.connect(address)
            endpoint = Endpoint(self, at, sock)
            self._loop.fds.park(endpoint.fd, READ, endpoint)
        except BaseException:
            sock.close()
            raise
        self._endpoints.append(endpoint)
        return endpoint

    def _set_timer(self, seconds: float, failure: Failure | None = None) -> None:
        """Continue after `seconds`: with `failure` if a query was not sent, else as if the server were silent."""
        self._failure = failure
        loop = self._loop
        timers = loop.timers
        timers.remove(self)
        timers.push(self, loop.clock.now() + seconds)

    def fire(self, events: int) -> None:
        """See `Entry.fire`: the time has elapsed."""
        self.queue(self)

    def queue(self, entry: Entry) -> None:
        """Schedule `entry` on the loop."""
        self._loop.ready.append(entry)

    def run(self) -> None:
        """See `Entry.run`."""
        if self._ended or self._loop.timers.contains(self):
            # The exchange has ended, or a late answer has already led to a query of the next server.
            return
        if self._failure is not None:
            self._next(self._failure)
        elif self._other_case:
            # Some servers do not repeat letter case. TCP does not need that protection.
            self._end_truncated()
        else:
            self._next(SILENT)

    def on_readable(self, endpoint: Endpoint) -> None:
        """Read from a socket that has become readable, or that other code has closed."""
        if self._ended:
            return
        try:
            if endpoint.closed_elsewhere:
                raise OSError(errno.EBADF, "the socket was closed")
            try:
                reply = endpoint.sock.recv(MAX_DATAGRAM)
            except BlockingIOError:
                self._loop.fds.park(endpoint.fd, READ, endpoint)
                return
        except OSError as error:
            if error.errno in CLOSED_ERRORS:
                self._endpoints.remove(endpoint)
                endpoint.sock.detach()
            self._server_failed(endpoint, UNREACHABLE)
        else:
            self._read(endpoint, reply)
        if endpoint not in self._endpoints:
            return
        endpoint.unusable += 1
        if endpoint.unusable <= MAX_UNUSABLE:
            # More datagrams may have arrived, and the loop reports only new ones.
            endpoint.fire(READ)
        else:
            self._cut_off(endpoint)

    def _cut_off(self, endpoint: Endpoint) -> None:
        """Close the socket of a server that sends without end. The next query to the server uses another port."""
        fds = self._loop.fds
        self._endpoints.remove(endpoint)
        fds.withdraw(endpoint.fd, endpoint)
        self._close_socket(endpoint)
        self._flooded = True
        self._server_failed(endpoint, FAILED)

    def _read(self, endpoint: Endpoint, reply: bytes) -> None:
        question = self._question
        code = question.answered_by(reply)
        if code is None:
            self._other_case = self._other_case or question.answered_in_other_case(reply)
        elif code == FORMERR and question.edns:
            question.without_edns()
            self._queries_left += 1
            self._current = endpoint.at - 1
            self._next(FAILED)
        elif code == NXDOMAIN:
            self._end(None, (NxDomain, ""))
        elif code == FORMERR:
            self._end(None, (Malformed, ""))
        elif code != NOERROR:
            self._server_failed(endpoint, FAILED)
        elif question.is_truncated(reply):
            self._end_truncated()
        elif question.is_lame(reply):
            self._server_failed(endpoint, FAILED)
        else:
            try:
                records = question.records(reply)
            except BadMessage as error:
                self._server_failed(endpoint, (Malformed, str(error)))
            else:
                self._end(records, None)

    def _server_failed(self, endpoint: Endpoint, failure: Failure) -> None:
        """Handle a failure of one server; only the server that was queried last matters."""
        if endpoint.at == self._current:
            self._next(failure)


def checked_servers(servers: Any) -> tuple[str, ...]:
    """Return the addresses of name servers that a caller passed as `servers`.

    Raise TypeError unless they are a sequence or another iterable of `str`, ValueError if there is none.
    """
    if isinstance(servers, str | bytes):
        raise TypeError(f"servers must be a list of addresses, not {servers!r}; use [{servers!r}]")
    checked = tuple(check_iterable(servers, "servers"))
    for server in checked:
        if not isinstance(server, str):
            raise TypeError(f"servers must have addresses of type str, not {server!r}")
    if not checked:
        raise ValueError("servers must have at least one address; use None for those of resolv.conf")
    return checked


def parse_server(text: str) -> Server:
    """Return family and socket address of ``address``, ``address:port`` or ``[address]:port``; else ValueError."""
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
            f"{text!r} is not the address of a name server ({error}); use address, address:port or [address]:port"
        ) from None
    return found[0][0], found[0][4]
