"""Happy eyeballs (RFC 8305): connect to whichever of a host's addresses answers first.

`socket.create_connection` differs: it tries one address after the other, and can wait minutes for the first.
"""

import socket as _stdlib

from greenrt import _original
from greenrt._deadline import Deadline
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.park import as_seconds
from greenrt._hub.wait_many import killall
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green import socket as green
from greenrt.sync.queue import SimpleQueue

__all__ = ["create_connection"]

# RFC 8305 defines these times (section 8); seconds.
RESOLUTION_DELAY = 0.05
CONNECTION_ATTEMPT_DELAY = 0.25

_DEFAULT: Any = _stdlib._GLOBAL_DEFAULT_TIMEOUT  # type: ignore[attr-defined]
# These errors mean that the host has no address of this family, but perhaps of another one.
_OTHER_FAMILY = (getattr(_stdlib, "EAI_NODATA", -5), getattr(_stdlib, "EAI_ADDRFAMILY", -9))


def create_connection(
    address: tuple[str | None, bytes | str | int | None],
    timeout: float | None = _DEFAULT,
    source_address: tuple[str, int] | None = None,
    *,
    all_errors: bool = False,
    attempt_delay: float = CONNECTION_ATTEMPT_DELAY,
    resolution_delay: float = RESOLUTION_DELAY,
) -> _stdlib.socket:
    """Connect to `address`; return the connected socket. As `socket.create_connection`, but with a race.

    IPv6 and IPv4 addresses are looked up at the same time and tried alternately, IPv6 first. The first connection
    wins; the other attempts end.

    address: (host, port). timeout: seconds in all, None for no limit; the default is `socket.getdefaulttimeout`.
    source_address: address to which each socket is bound. all_errors: whether to raise an ExceptionGroup of all
    errors instead of the last error. attempt_delay: seconds after which the next attempt starts if the last one has
    neither failed nor succeeded. resolution_delay: seconds for which IPv4 addresses wait for IPv6 ones.

    Raise TimeoutError after `timeout`, the OSError of the last attempt, and gaierror if the host has no address.
    Raise TypeError or ValueError for wrong arguments, and UnicodeError for a host that IDNA cannot encode.
    In a thread without a hub, call `socket.create_connection`. Source: RFC 8305.
    """
    if hub_for_waiting() is None:
        return green.create_connection(address, timeout, source_address, all_errors=all_errors)
    limit = _stdlib.getdefaulttimeout() if timeout is _DEFAULT else timeout
    _check_address(address)
    if limit is not None and as_seconds(limit) < 0:
        raise ValueError(f"timeout must be None or at least 0 seconds, not {limit!r}")
    _check_delay("attempt_delay", attempt_delay)
    _check_delay("resolution_delay", resolution_delay)
    race = _Race(address, source_address, attempt_delay, resolution_delay)
    try:
        sock: _stdlib.socket | None = race.run(Deadline(limit))
        if sock is None:
            raise race.failure(all_errors)
        sock.settimeout(limit)
        race.sockets.discard(sock)
        return sock
    finally:
        race.end()


def _check_address(address: Any) -> None:
    if not isinstance(address, tuple | list):
        raise TypeError(f"address must be a tuple (host, port), not {address!r}")
    if len(address) != 2:
        raise ValueError(f"address must be a tuple (host, port), not {address!r}")
    host, port = address
    if not isinstance(host, str | bytes | bytearray | None):
        raise TypeError(f"the host of address must be a str, bytes or None, not {host!r}")
    if not isinstance(port, int | str | bytes | None):
        raise TypeError(f"the port of address must be an int, str, bytes or None, not {port!r}")


def _check_delay(name: str, seconds: Any) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} must be a number of seconds, not {seconds!r}")
    if not seconds >= 0:
        raise ValueError(f"{name} must be at least 0 seconds, not {seconds!r}")


class _Race:
    """The lookups and attempts for one connection. Each reports its end by an event: (what, value)."""

    def __init__(
        self, address: tuple[Any, Any], source: Any, attempt_delay: float, resolution_delay: float
    ) -> None:
        self.host, self.port = address
        self.source = source
        self.attempt_delay = attempt_delay
        self.resolution_delay = resolution_delay
        self.events: Any = SimpleQueue()
        self.runners: list[Any] = []
        self.sockets: set[Any] = set()
        self.errors: list[OSError] = []
        # Untried addresses by family; families whose lookup is in flight; how many attempts are in flight.
        self.waiting: dict[int, list[Any]] = {_stdlib.AF_INET6: [], _stdlib.AF_INET: []}
        self.looking = set(self.waiting)
        self.trying = 0
        self.last_family: int = _stdlib.AF_INET

    def run(self, deadline: Deadline) -> Any:
        """Return the first socket that connects, or None. Raise TimeoutError at the deadline."""
        for family in self.waiting:
            self._start(self._look_up, family)
        next_try: float | None = None
        while self.looking or self.trying or any(self.waiting.values()):
            now = monotonic()
            late = deadline.passed()
            if not late and next_try is not None and now >= next_try:
                next_try = now + self.attempt_delay if self._next_try() else None
                continue
            waits = (None if next_try is None else next_try - now, deadline.left())
            pause = min((wait for wait in waits if wait is not None), default=None)
            # Also at the deadline: an attempt may have succeeded in time, before this greenlet runs.
            event = self._event(0.0 if late else pause)
            if event is None:
                if late:
                    raise TimeoutError("timed out")
                continue
            what, value = event
            now = monotonic()
            if what == "connected":
                return value
            if what == "failed":
                # The next attempt need not wait.
                self.trying -= 1
                self._record(value)
                next_try = now
            else:
                next_try = self._found(what, value, next_try, now)
        return None

    def _record(self, error: Exception) -> None:
        """Store the error of a lookup or an attempt. Raise it if a wrong argument caused it, not the network."""
        if not isinstance(error, OSError):
            raise error
        self.errors.append(error)

    def _event(self, wait: float | None) -> Any:
        try:
            return self.events.get(timeout=wait)
        except _original.Empty:
            return None

    def _found(self, family: int, found: Any, next_try: float | None, now: float) -> float | None:
        """Store the result of a lookup; return the time of the next attempt."""
        self.looking.discard(family)
        if isinstance(found, Exception):
            self._record(found)
        else:
            self.waiting[family] = found
        if not any(self.waiting.values()):
            return next_try
        if family == _stdlib.AF_INET and self.looking and not self.trying:
            return now + self.resolution_delay
        # The head start of the current attempt must be over.
        return next_try if self.trying and next_try is not None else now

    def _next_try(self) -> bool:
        """Start the next attempt, with the families in turn; return whether there was an address."""
        first, second = sorted(self.waiting, key=lambda family: family == self.last_family)
        family = first if self.waiting[first] else second
        if not self.waiting[family]:
            return False
        self.last_family = family
        self.trying += 1
        self._start(self._try, self.waiting[family].pop(0))
        return True

    def _look_up(self, family: int) -> None:
        try:
            found = green.getaddrinfo(self.host, self.port, family, _stdlib.SOCK_STREAM)
        except Exception as error:
            # Stored in no other variable: the traceback of the error refers to this frame.
            self.events.put((family, error))
        else:
            self.events.put((family, found))

    def _try(self, found: Any) -> None:
        family, kind, protocol, _, address = found
        sock = green.socket(family, kind, protocol)
        self.sockets.add(sock)
        sock.settimeout(None)
        try:
            if self.source:
                sock.bind(self.source)
            sock.connect(address)
        except Exception as error:
            self.events.put(("failed", error))
        else:
            self.events.put(("connected", sock))

    def _start(self, function: Any, *args: Any) -> None:
        self.runners.append(Greenlet.spawn(function, *args))

    def failure(self, all_errors: bool) -> Exception:
        """Return the error to raise when no address is left."""
        tries = [error for error in self.errors if not isinstance(error, _stdlib.gaierror)]
        if tries and all_errors:
            return ExceptionGroup("create_connection failed", tries)
        if tries:
            return tries[-1]
        informative = [error for error in self.errors if error.errno not in _OTHER_FAMILY]
        return (informative or self.errors)[0]

    def end(self) -> None:
        """End the lookups and attempts, and close all sockets but the winner's."""
        killall(self.runners)
        for sock in self.sockets:
            sock.close()
        # The tracebacks of these errors refer to frames that refer to the race.
        self.errors.clear()
