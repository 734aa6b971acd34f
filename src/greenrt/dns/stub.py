"""The stub resolver: queries name servers, and shares each query in flight among its waiters.

A question that is in flight is not sent again: its waiters share an `InFlight`, and each has its own timeout.

Addresses and the names of addresses are queried by our own `Exchange`. c-ares does the rest: other types, TCP and a
cache. c-ares cannot cancel one query, only all queries of a channel. So a channel is cancelled as soon as none of its
queries has a waiter. A channel with too many queries without waiters (orphans) is replaced by a new one, and closed
after its last awaited answer.
"""

import weakref
from dataclasses import replace

from greenrt import _atfork, _log
from greenrt._hub.current_hub import get_hub, get_hub_if_exists
from greenrt._hub.park import TIMED_OUT, new_park
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.dns.answer import Answer, Malformed, NoData, NxDomain, ResolverError, ServFail, TimedOut
from greenrt.dns.cares import TYPES, Channel, Settings
from greenrt.dns.counters import questions
from greenrt.dns.message import Question, Record
from greenrt.dns.records import check_name, read_answer
from greenrt.dns.udp import Exchange, ExchangeOwner, Failure, Server, checked_servers, parse_server

__all__ = ["Lookup", "Stub"]

# The record types that an `Exchange` can query.
BY_UDP = frozenset(("A", "AAAA", "PTR"))

# How many orphans a channel may have while other queries on it have waiters.
MAX_ORPHANS = 64

# How long after its budget a query without an answer is given up (seconds). c-ares always answers before.
GRACE = 1.0

# The errors of c-ares (ares.h) that have another cause than a failure of the servers.
_ERRORS: dict[int, type[ResolverError]] = {
    1: NoData,
    2: Malformed,
    4: NxDomain,
    7: Malformed,
    8: Malformed,
    9: Malformed,
    10: Malformed,
    12: TimedOut,
}
_CLOSED = "the resolver was closed"
_DETAILS = {11: "no name server could be reached", 24: _CLOSED}

_stubs: "weakref.WeakSet[Stub]" = weakref.WeakSet()


class InFlight(ExchangeOwner):
    """One question in flight, and its waiters. A `Transport` owns it."""

    __slots__ = (
        "answer",
        "asked_at",
        "channel",
        "error",
        "exchange",
        "key",
        "lookups",
        "name",
        "parks",
        "rtype",
        "shared",
        "transport",
    )

    def __init__(self, transport: "Transport", name: str, rtype: str) -> None:
        self.transport: Transport = transport
        self.name: str = name
        self.rtype: str = rtype
        self.key: tuple[str, str] = (name, rtype)
        self.asked_at: float = monotonic()
        # The exchange or the channel that carries the question.
        self.exchange: Exchange | None = None
        self.channel: Channel | None = None
        # How many lookups have not been cancelled, and the parks of those that wait now.
        self.lookups: int = 0
        self.parks: list[Any] = []
        # Whether it ever had more than one lookup.
        self.shared: bool = False
        self.answer: Answer[Any] | None = None
        self.error: Failure | None = None

    def state(self) -> tuple[str, str, float, tuple[str, ...]]:
        """Return the name, the type, the age in seconds, and the servers."""
        servers = tuple(self.transport.settings.servers)
        return self.name, self.rtype, monotonic() - self.asked_at, servers

    def is_done(self) -> bool:
        """Return whether the question has an answer or has failed."""
        return self.answer is not None or self.error is not None

    def answered(self, records: list[Record] | None, failure: Failure | None) -> None:
        """See `ExchangeOwner`."""
        self.transport.exchange_ended(self, records, failure)

    def truncated(self) -> None:
        """See `ExchangeOwner`."""
        self.transport.truncated(self)

    def add_lookup(self) -> None:
        """Count one more lookup."""
        self.lookups += 1
        self.shared = self.shared or self.lookups > 1

    def finish(self, answer: Answer[Any] | None, error: Failure | None) -> None:
        """Store the result, and wake up the waiters."""
        self.answer = answer
        self.error = error
        parks, self.parks = self.parks, []
        for park in parks:
            park.wake(None)


class Transport:
    """The exchanges and channels for one `Settings`.

    At most two channels get new queries; one of these two uses TCP only. Older channels still have queries in flight.
    """

    def __init__(self, loop: Any, settings: Settings) -> None:
        self.settings = settings
        # After how many seconds a question is given up: time for UDP, then for TCP.
        self.limit: float = 2 * settings.budget() + GRACE
        self._loop = loop
        self._servers = [parse_server(text) for text in settings.servers]
        self._first = 0
        self._exchanging: set[InFlight] = set()
        self._channels: dict[bool, Channel] = {}
        self._awaited: dict[Channel, int] = {}
        # The queries that other lookups may share.
        self.in_flight: dict[tuple[str, str], InFlight] = {}
        # Whether no new queries follow: the last channel is closed when its queries have ended.
        self.retired: bool = False

    def send(self, query: InFlight) -> None:
        """Send the query."""
        questions.asked += 1
        settings = self.settings
        if settings.use_vc or settings.cache or query.rtype not in BY_UDP:
            self._send_by_channel(query, settings.use_vc)
            return
        query.exchange = Exchange(
            self._loop,
            Question(query.name, TYPES[query.rtype]),
            self._server_order(),
            settings.timeout,
            settings.attempts,
            query,
        )
        self._exchanging.add(query)
        query.exchange.start()

    def _server_order(self) -> list[Server]:
        """Return the servers in the order in which to query them."""
        servers = self._servers
        if self.settings.rotate:
            first = self._first = (self._first + 1) % len(servers)
            servers = servers[first:] + servers[:first]
        return servers

    def exchange_ended(self, query: InFlight, records: list[Record] | None, failure: Failure | None) -> None:
        """Finish `query`, whose exchange has ended."""
        self._exchanging.discard(query)
        query.exchange = None
        self._finish(query, records, failure)

    def truncated(self, query: InFlight) -> None:
        """Query again by TCP: the exchange of `query` has ended without a usable answer."""
        self._exchanging.discard(query)
        query.exchange = None
        self._send_by_channel(query, True)

    def _send_by_channel(self, query: InFlight, use_vc: bool) -> None:
        channel = self._channels.get(use_vc)
        if channel is None:
            settings = replace(self.settings, use_vc=use_vc)
            channel = self._channels[use_vc] = Channel(self._loop, settings, self._answered)
            self._awaited[channel] = 0
        query.channel = channel
        self._awaited[channel] += 1
        channel.ask(query, query.name, query.rtype)

    def withdraw(self, query: InFlight) -> None:
        """Cancel `query`, whose last waiter has left."""
        if self.in_flight.get(query.key) is query:
            del self.in_flight[query.key]
        exchange, query.exchange = query.exchange, None
        if exchange is not None:
            exchange.close()
            self._exchanging.discard(query)
        channel = query.channel
        if not query.is_done():
            questions.given_up += 1
        if query.is_done() or channel is None or channel not in self._awaited:
            return
        self._awaited[channel] -= 1
        query.channel = None
        awaited = self._awaited[channel]
        if awaited and len(channel) - awaited > max(MAX_ORPHANS, awaited):
            self._replace(channel)
        self._release_unused(channel)

    def _replace(self, channel: Channel) -> None:
        """Send no more queries on `channel`."""
        self._channels = {use_vc: other for use_vc, other in self._channels.items() if other is not channel}

    def retire(self) -> None:
        """Send no more queries; close each channel when its awaited queries have ended."""
        self.retired = True
        for channel in list(self._awaited):
            self._release_unused(channel)

    def is_idle(self) -> bool:
        """Return whether no query is in flight, and there are no channels."""
        return not self._awaited and not self._exchanging

    def abandon(self) -> list[InFlight]:
        """Abandon all sockets in the child of a fork; return the queries that have waiters."""
        exchanging, self._exchanging = self._exchanging, set()
        for query in exchanging:
            exchange, query.exchange = query.exchange, None
            if exchange is not None:
                exchange.abandon()
        channels, self._awaited = list(self._awaited), {}
        self._channels.clear()
        in_flight = [query for channel in channels for query in channel.abandon()]
        return [query for query in (*exchanging, *in_flight) if query.lookups]

    def close(self) -> None:
        """Close all sockets; the waiters get ServFail."""
        self.retired = True
        for query in list(self._exchanging):
            if query.exchange is not None:
                query.exchange.close()
            self.exchange_ended(query, None, (ServFail, _CLOSED))
        channels, self._awaited = list(self._awaited), {}
        self._channels.clear()
        for channel in channels:
            channel.close()

    def _release_unused(self, channel: Channel) -> None:
        """Cancel or close a channel without waiters."""
        if self._awaited.get(channel):
            return
        if self.retired or channel not in self._channels.values():
            self._awaited.pop(channel, None)
            self._replace(channel)
            channel.close()
        elif len(channel):
            channel.cancel()

    def _answered(self, query: InFlight, records: list[Any] | None, error: int | None) -> None:
        channel, query.channel = query.channel, None
        if channel is None:
            # Its waiters have left.
            return
        failure = None if error is None else (_ERRORS.get(error, ServFail), _DETAILS.get(error, ""))
        self._finish(query, records, failure)
        if channel in self._awaited:
            self._awaited[channel] -= 1
            self._release_unused(channel)

    def _finish(self, query: InFlight, records: list[Any] | None, failure: Failure | None) -> None:
        if self.in_flight.get(query.key) is query:
            del self.in_flight[query.key]
        answer = None
        if records is not None:
            try:
                answer = read_answer(query.name, query.rtype, records)
            except ResolverError as problem:
                failure = type(problem), problem.detail
        questions.note_end(monotonic() - query.asked_at, None if failure is None else failure[0])
        query.finish(answer, failure)


class Lookup:
    """One waiter's share of a query. `result` waits for the answer, `cancel` gives up. Only for the stub's thread."""

    __slots__ = ("_left", "_query")

    def __init__(self, query: InFlight) -> None:
        self._query = query
        self._left = False
        self._query.add_lookup()

    def result(self, timeout: float | None = None) -> Answer[Any]:
        """Wait for the answer and return it; `timeout` is in seconds. Raise the errors of `Stub.query`."""
        query = self._query
        try:
            if not query.is_done():
                self._wait(timeout)
        finally:
            self.cancel()
        if query.error is not None:
            kind, detail = query.error
            raise kind(query.name, query.rtype, detail)
        answer = query.answer
        assert answer is not None
        if not query.shared:
            return answer
        # Other lookups share this answer, and a caller may change its lists.
        return Answer(answer.canonical, list(answer.records), list(answer.cnames), answer.ttl)

    def _wait(self, timeout: float | None) -> None:
        query = self._query
        transport = query.transport
        limit = transport.limit
        park = new_park(("a name server: {1} {0}", query.rtype, query.name))
        query.parks.append(park)
        try:
            late = park.wait(limit if timeout is None or timeout > limit else timeout) is TIMED_OUT
        finally:
            if park in query.parks:
                query.parks.remove(park)
        if late and (timeout is None or timeout > limit):
            _log.error(
                "the question for %s of %r got no result within %s s and is given up; please report this",
                query.rtype,
                query.name,
                limit,
            )
        if late:
            raise TimedOut(query.name, query.rtype)

    def cancel(self) -> None:
        """Stop waiting; idempotent. The query is given up when its last waiter has left."""
        if self._left:
            return
        self._left = True
        query = self._query
        query.lookups -= 1
        if not query.lookups:
            transport = query.transport
            transport.withdraw(query)


class Stub:
    """Queries name servers for the calling thread's greenlets. Only the thread that created it may use it.

    hub: hub of the greenlets; None for the calling thread's hub.
    cache: whether answers are used again while they live. The answer that a name does not exist lives as long as the
        SOA record of its zone says. Both live at most an hour, since c-ares has one limit for both.
    coalesce: whether a question that is in flight is not sent again. Each waiter has its own timeout.
    """

    def __init__(self, hub: Any = None, *, cache: bool = False, coalesce: bool = True) -> None:
        self.hub: Any = get_hub() if hub is None else hub
        self.cache = cache
        self.coalesce = coalesce
        self._settings = Settings(cache=cache)
        # The transport for the current settings, if it exists; and all transports.
        self._current: Transport | None = None
        self._transports: dict[Settings, Transport] = {}
        self._closed = False
        _stubs.add(self)

    def configure(self, config: Any) -> None:
        """Use `config` from the next question on. Queries in flight are not changed.

        config: has servers, timeout (seconds for each attempt), attempts, rotate and use_vc (TCP only). If servers
        has invalid addresses, the next question raises ValueError.
        """
        settings = Settings(
            tuple(config.servers),
            # As in glibc: each attempt has some time, and each question at least one attempt.
            float(config.timeout) or 1.0,
            max(1, int(config.attempts)),
            bool(config.rotate),
            bool(config.use_vc),
            self.cache,
        )
        if settings == self._settings:
            return
        old = self._transports.get(self._settings)
        self._settings = settings
        self._current = None
        if old is not None:
            old.retire()
        new = self._transports.get(settings)
        if new is not None:
            new.retired = False

    def submit(self, name: str, rtype: str, servers: Any = None) -> Lookup:
        """Send a query, and return without waiting for its answer. Raise Malformed and ValueError as `query` does."""
        name = check_name(name, rtype)
        if self._closed:
            raise RuntimeError("this stub is closed; make a new one")
        transport = self._transport(servers)
        query = transport.in_flight.get((name, rtype)) if self.coalesce else None
        if query is not None:
            return Lookup(query)
        query = InFlight(transport, name, rtype)
        lookup = Lookup(query)
        transport.in_flight[query.key] = query
        try:
            transport.send(query)
        except BaseException:
            lookup.cancel()
            raise
        return lookup

    def in_flight(self) -> list[tuple[str, str, float, tuple[str, ...]]]:
        """Return each query that has no answer yet: name, type, age in seconds, and the servers. Any thread."""
        return [
            query.state()
            for transport in list(self._transports.values())
            for query in list(transport.in_flight.values())
        ]

    def _transport(self, servers: Any) -> Transport:
        if servers is None and self._current is not None:
            return self._current
        settings = (
            self._settings if servers is None else replace(self._settings, servers=checked_servers(servers))
        )
        transport = self._transports.get(settings)
        if transport is None:
            self._forget_idle()
            transport = self._transports[settings] = Transport(self.hub.loop, settings)
            # Servers of a single call: each channel is closed when its queries have ended.
            transport.retired = settings != self._settings
        if settings == self._settings:
            self._current = transport
        return transport

    def _forget_idle(self) -> None:
        for settings, transport in list(self._transports.items()):
            if transport.retired and transport.is_idle():
                del self._transports[settings]

    def query(
        self, name: str, rtype: str, *, timeout: float | None = None, servers: Any = None
    ) -> Answer[Any]:
        """Return the records of type `rtype` (such as ``"AAAA"``) of an absolute ASCII name. Park the greenlet.

        timeout: seconds in all; None for the time that all attempts of the configuration take. servers: addresses of
        name servers to query instead of the configured ones. Raise NxDomain, NoData, ServFail, TimedOut or Malformed,
        which are all ResolverError. Raise ValueError for an unknown type and for invalid server addresses. Only the
        stub's thread may call it. Sources: RFC 1035, 2181, 5452; c-ares.
        """
        return self.submit(name, rtype, servers=servers).result(timeout)

    def close(self) -> None:
        """Close all sockets; the waiters get ServFail. Idempotent."""
        self._closed = True
        self._current = None
        transports, self._transports = self._transports, {}
        for transport in transports.values():
            transport.close()

    def after_fork(self) -> None:
        """Drop the parent's sockets in the child of a fork; send the queries of this thread's greenlets again."""
        self._current = None
        transports, self._transports = self._transports, {}
        mine = get_hub_if_exists() is self.hub and not self.hub.loop.closed
        for transport in transports.values():
            for query in transport.abandon():
                if mine:
                    self._transports[transport.settings] = transport
                    # Scheduled for later, since most children call exec at once.
                    self.hub.loop.run_callback(self._ask_again, query)

    def _ask_again(self, query: InFlight) -> None:
        if query.lookups and not query.is_done():
            transport = query.transport
            transport.send(query)


def _after_fork() -> None:
    for stub in list(_stubs):
        stub.after_fork()


_atfork.register(_atfork.RUNTIME, _after_fork)
