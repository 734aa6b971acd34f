"""Questions to name servers: the waiters for each, how long they wait, and how servers are asked.

A question that is under way already is not asked again: its askers share a `Flight`, each with a timeout of its own.

Addresses and the names of addresses are asked for by an `Exchange` of our own, all else by c-ares: other types, TCP,
and a cache. c-ares can't take one question back, only all of a channel's. So a channel whose questions have no
waiters any more is emptied at once, and one in which such orphans pile up is replaced, closed when the last awaited
answer is in.
"""

import weakref
from dataclasses import replace

from greenrt import _atfork, _log
from greenrt._hub.current_hub import get_hub, get_hub_if_exists
from greenrt._hub.park import TIMED_OUT, new_park
from greenrt._typing import Any
from greenrt.dns.answer import Answer, Malformed, NoData, NxDomain, ResolverError, ServFail, TimedOut
from greenrt.dns.cares import TYPES, Channel, Settings
from greenrt.dns.message import Question, Record
from greenrt.dns.records import check_name, read_answer
from greenrt.dns.udp import Asker, Exchange, Failure, Server, parse_server

__all__ = ["Lookup", "Stub"]

# What an `Exchange` can ask for.
BY_UDP = frozenset(("A", "AAAA", "PTR"))

# How many orphans a channel may carry along while others in it are waited for.
MAX_ORPHANS = 64

# How long after its budget a question is given up that c-ares has not answered (seconds): it never should be.
GRACE = 1.0

# The errors of c-ares (ares.h) that are not the servers'.
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


class Flight(Asker):
    """One question under way, and the waiters for its end: owned by a line of channels."""

    __slots__ = (
        "askers",
        "channel",
        "error",
        "exchange",
        "key",
        "line",
        "name",
        "outcome",
        "parks",
        "rtype",
        "shared",
    )

    def __init__(self, line: "Line", name: str, rtype: str) -> None:
        self.line = line
        self.name = name
        self.rtype = rtype
        self.key = (name, rtype)
        # What it is asked by, of the two.
        self.exchange: Exchange | None = None
        self.channel: Channel | None = None
        # The askers that have not cancelled, and those of them that wait now.
        self.askers = 0
        self.parks: list[Any] = []
        # Whether it ever had more askers than one.
        self.shared = False
        self.outcome: Answer | None = None
        self.error: Failure | None = None

    def is_done(self) -> bool:
        """Tell whether the question is answered."""
        return self.outcome is not None or self.error is not None

    def answered(self, records: list[Record] | None, failure: Failure | None) -> None:
        """See `Asker`."""
        self.line.exchanged(self, records, failure)

    def truncated(self) -> None:
        """See `Asker`."""
        self.line.truncated(self)

    def join(self) -> None:
        """There is one asker more."""
        self.askers += 1
        self.shared = self.shared or self.askers > 1

    def land(self, outcome: Answer | None, error: Failure | None) -> None:
        """Note the end, and wake the waiters."""
        self.outcome = outcome
        self.error = error
        parks, self.parks = self.parks, []
        for park in parks:
            park.wake(None)


class Line:
    """What asks by one choice of settings: exchanges, and channels.

    Of the channels at most two are asked, one of them by TCP alone; old ones have questions still to be answered.
    """

    def __init__(self, loop: Any, settings: Settings) -> None:
        self.settings = settings
        # After how long a question is given up (seconds): asked by UDP, and then by TCP.
        self.limit = 2 * settings.budget() + GRACE
        self._loop = loop
        self._servers = [parse_server(text) for text in settings.servers]
        self._first = 0
        self._exchanging: set[Flight] = set()
        self._channels: dict[bool, Channel] = {}
        self._awaited: dict[Channel, int] = {}
        # Those that others may share.
        self.flights: dict[tuple[str, str], Flight] = {}
        # Nothing new comes: the last channel is closed when it is empty.
        self.retired = False

    def launch(self, flight: Flight) -> None:
        """Ask."""
        settings = self.settings
        if settings.use_vc or settings.cache or flight.rtype not in BY_UDP:
            self._by_channel(flight, settings.use_vc)
            return
        flight.exchange = Exchange(
            self._loop,
            Question(flight.name, TYPES[flight.rtype]),
            self._in_turn(),
            settings.timeout,
            settings.attempts,
            flight,
        )
        self._exchanging.add(flight)
        flight.exchange.start()

    def _in_turn(self) -> list[Server]:
        """Return the servers, the one first that is to be asked first."""
        servers = self._servers
        if self.settings.rotate:
            first = self._first = (self._first + 1) % len(servers)
            servers = servers[first:] + servers[:first]
        return servers

    def exchanged(self, flight: Flight, records: list[Record] | None, failure: Failure | None) -> None:
        """The exchange of `flight` is over."""
        self._exchanging.discard(flight)
        flight.exchange = None
        self._land(flight, records, failure)

    def truncated(self, flight: Flight) -> None:
        """The exchange of `flight` is over, and was too short."""
        self._exchanging.discard(flight)
        flight.exchange = None
        self._by_channel(flight, True)

    def _by_channel(self, flight: Flight, use_vc: bool) -> None:
        channel = self._channels.get(use_vc)
        if channel is None:
            settings = replace(self.settings, use_vc=use_vc)
            channel = self._channels[use_vc] = Channel(self._loop, settings, self._answered)
            self._awaited[channel] = 0
        flight.channel = channel
        self._awaited[channel] += 1
        channel.ask(flight, flight.name, flight.rtype)

    def orphan(self, flight: Flight) -> None:
        """The last waiter for `flight` has gone."""
        if self.flights.get(flight.key) is flight:
            del self.flights[flight.key]
        exchange, flight.exchange = flight.exchange, None
        if exchange is not None:
            exchange.close()
            self._exchanging.discard(flight)
        channel = flight.channel
        if flight.is_done() or channel is None or channel not in self._awaited:
            return
        self._awaited[channel] -= 1
        flight.channel = None
        awaited = self._awaited[channel]
        if awaited and len(channel) - awaited > max(MAX_ORPHANS, awaited):
            self._replace(channel)
        self._tidy(channel)

    def _replace(self, channel: Channel) -> None:
        """Ask `channel` no more."""
        self._channels = {use_vc: other for use_vc, other in self._channels.items() if other is not channel}

    def retire(self) -> None:
        """Close each channel when its awaited questions are answered."""
        self.retired = True
        for channel in list(self._awaited):
            self._tidy(channel)

    def is_idle(self) -> bool:
        """Tell whether nothing is under way, and there are no channels."""
        return not self._awaited and not self._exchanging

    def drop(self) -> list[Flight]:
        """Abandon all sockets, in the child of a fork; return the flights that someone waits for."""
        exchanging, self._exchanging = self._exchanging, set()
        for flight in exchanging:
            exchange, flight.exchange = flight.exchange, None
            if exchange is not None:
                exchange.abandon()
        channels, self._awaited = list(self._awaited), {}
        self._channels.clear()
        flights = [flight for channel in channels for flight in channel.abandon()]
        return [flight for flight in (*exchanging, *flights) if flight.askers]

    def close(self) -> None:
        """Give back all sockets; waiters get ServFail."""
        self.retired = True
        for flight in list(self._exchanging):
            if flight.exchange is not None:
                flight.exchange.close()
            self.exchanged(flight, None, (ServFail, _CLOSED))
        channels, self._awaited = list(self._awaited), {}
        self._channels.clear()
        for channel in channels:
            channel.close()

    def _tidy(self, channel: Channel) -> None:
        """Cancel or close a channel that has no waiters."""
        if self._awaited.get(channel):
            return
        if self.retired or channel not in self._channels.values():
            self._awaited.pop(channel, None)
            self._replace(channel)
            channel.close()
        elif len(channel):
            channel.cancel()

    def _answered(self, flight: Flight, records: list[Any] | None, error: int | None) -> None:
        channel, flight.channel = flight.channel, None
        if channel is None:
            # Its askers have gone.
            return
        failure = None if error is None else (_ERRORS.get(error, ServFail), _DETAILS.get(error, ""))
        self._land(flight, records, failure)
        if channel in self._awaited:
            self._awaited[channel] -= 1
            self._tidy(channel)

    def _land(self, flight: Flight, records: list[Any] | None, failure: Failure | None) -> None:
        if self.flights.get(flight.key) is flight:
            del self.flights[flight.key]
        answer = None
        if records is not None:
            try:
                answer = read_answer(flight.name, flight.rtype, records)
            except ResolverError as problem:
                failure = type(problem), problem.detail
        flight.land(answer, failure)


class Lookup:
    """One asker's part in a question: `result` waits for the answer, `cancel` gives up. In the stub's thread only."""

    __slots__ = ("_flight", "_left")

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._left = False
        self._flight.join()

    def result(self, timeout: float | None = None) -> Answer:
        """Wait for the answer, at most `timeout` seconds, and return it; `Stub.query` says what is raised."""
        flight = self._flight
        try:
            if not flight.is_done():
                self._wait(timeout)
        finally:
            self.cancel()
        if flight.error is not None:
            kind, detail = flight.error
            raise kind(flight.name, flight.rtype, detail)
        answer = flight.outcome
        assert answer is not None
        if not flight.shared:
            return answer
        # Others have the same answer: lists can be changed.
        return Answer(answer.canonical, list(answer.records), list(answer.cnames), answer.ttl)

    def _wait(self, timeout: float | None) -> None:
        flight = self._flight
        line = flight.line
        limit = line.limit
        park = new_park(("a name server:", flight.rtype, flight.name))
        flight.parks.append(park)
        try:
            late = park.wait(limit if timeout is None or timeout > limit else timeout) is TIMED_OUT
        finally:
            if park in flight.parks:
                flight.parks.remove(park)
        if late and (timeout is None or timeout > limit):
            _log.error(
                "nothing became of the question for %s of %r within %s s; it is given up",
                flight.rtype,
                flight.name,
                limit,
            )
        if late:
            raise TimedOut(flight.name, flight.rtype)

    def cancel(self) -> None:
        """Wait no more; idempotent. The question is given up when its last waiter has gone."""
        if self._left:
            return
        self._left = True
        flight = self._flight
        flight.askers -= 1
        if not flight.askers:
            line = flight.line
            line.orphan(flight)


class Stub:
    """Asks name servers for the calling thread's greenlets.

    cache: answers are used again while they live, and that names do not exist for as long as their zones' SOA
    records allow; both at most an hour, for c-ares has one limit. coalesce: a question that is under way is not
    asked a second time; every asker has his own timeout. Not for other threads than the one that made it.
    """

    def __init__(self, hub: Any = None, *, cache: bool = False, coalesce: bool = True) -> None:
        self.hub = get_hub() if hub is None else hub
        self.cache = cache
        self.coalesce = coalesce
        self._settings = Settings(cache=cache)
        # The line of these settings, if it is there, and all lines.
        self._current: Line | None = None
        self._lines: dict[Settings, Line] = {}
        self._closed = False
        _stubs.add(self)

    def configure(self, config: Any) -> None:
        """Ask as `config` says from the next question on; those under way are answered as they were asked.

        Taken from it: servers, timeout (seconds for a try), attempts, rotate, use_vc (TCP only). ValueError if the
        servers are no addresses: from the next question.
        """
        settings = Settings(
            tuple(config.servers),
            # As glibc: there is no try without time, and no question without a try.
            float(config.timeout) or 1.0,
            max(1, int(config.attempts)),
            bool(config.rotate),
            bool(config.use_vc),
            self.cache,
        )
        if settings == self._settings:
            return
        old = self._lines.get(self._settings)
        self._settings = settings
        self._current = None
        if old is not None:
            old.retire()
        new = self._lines.get(settings)
        if new is not None:
            new.retired = False

    def submit(self, name: str, rtype: str, servers: Any = None) -> Lookup:
        """Ask, and return without waiting; Malformed and ValueError as `query`."""
        name = check_name(name, rtype)
        if self._closed:
            raise RuntimeError("this stub is closed; make a new one")
        line = self._line(servers)
        flight = line.flights.get((name, rtype)) if self.coalesce else None
        if flight is not None:
            return Lookup(flight)
        flight = Flight(line, name, rtype)
        lookup = Lookup(flight)
        line.flights[flight.key] = flight
        try:
            line.launch(flight)
        except BaseException:
            lookup.cancel()
            raise
        return lookup

    def _line(self, servers: Any) -> Line:
        if servers is None and self._current is not None:
            return self._current
        settings = self._settings if servers is None else replace(self._settings, servers=tuple(servers))
        line = self._lines.get(settings)
        if line is None:
            self._forget_idle()
            line = self._lines[settings] = Line(self.hub.loop, settings)
            # Servers of one call: no channel outlives its questions.
            line.retired = settings != self._settings
        if settings == self._settings:
            self._current = line
        return line

    def _forget_idle(self) -> None:
        for settings, line in list(self._lines.items()):
            if line.retired and line.is_idle():
                del self._lines[settings]

    def query(self, name: str, rtype: str, *, timeout: float | None = None, servers: Any = None) -> Answer:
        """Return the records of type `rtype` (such as ``"AAAA"``) of an absolute ASCII name. Parks the greenlet.

        timeout: seconds in all; None: as many as the configuration's tries take. servers: addresses of name
        servers to ask instead of the configured ones. Raises NxDomain, NoData, ServFail, TimedOut and Malformed,
        all ResolverError; ValueError for an unknown type and for servers that are no addresses. In the stub's
        thread only. Sources: RFC 1035, 2181, 5452; c-ares.
        """
        return self.submit(name, rtype, servers=servers).result(timeout)

    def close(self) -> None:
        """Give back all sockets; waiters get ServFail. Idempotent."""
        self._closed = True
        self._current = None
        lines, self._lines = self._lines, {}
        for line in lines.values():
            line.close()

    def after_fork(self) -> None:
        """Start afresh in the child of a fork; what this thread's greenlets wait for is asked again."""
        self._current = None
        lines, self._lines = self._lines, {}
        mine = get_hub_if_exists() is self.hub and not self.hub.loop.closed
        for line in lines.values():
            for flight in line.drop():
                if mine:
                    self._lines[line.settings] = line
                    # Later: most children call exec at once.
                    self.hub.loop.run_callback(self._ask_again, flight)

    def _ask_again(self, flight: Flight) -> None:
        if flight.askers and not flight.is_done():
            line = flight.line
            line.launch(flight)


def _after_fork() -> None:
    for stub in list(_stubs):
        stub.after_fork()


_atfork.register(_atfork.RUNTIME, _after_fork)
