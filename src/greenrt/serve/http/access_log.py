"""The access log in the common log format, warnings about refused requests, and ``wsgi.errors``."""

import logging
import re
from collections.abc import Callable
from time import localtime, strftime, time

from greenrt import _log
from greenrt._hub.raw_greenlet import spawn_raw
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.serve.http.exchange import Exchange
from greenrt.serve.http.request_head import HeadParser

__all__ = ["AccessLog", "ErrorStream", "Refusal", "RefusalLog"]

# Characters that end a field or a line in some reader, or control a terminal: all but visible ASCII, and the quote
# and the backslash.
_UNSAFE = re.compile(r'[^!-~]|["\\]')
# How many lines wait for an output that takes none.
MOST_LINES = 10_000
# At most this many refused requests are logged within `WINDOW` seconds.
MOST_WARNINGS = 10
WINDOW = 60.0

_now = (0, "")


def _local_time() -> str:
    global _now
    second = int(time())
    if _now[0] != second:
        _now = (second, strftime("%d/%b/%Y:%H:%M:%S %z", localtime(second)))
    return _now[1]


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Refusal:
    """A refused request: it did not reach the application.

    - `address`: the peer's address, or "".
    - `status`: the code and reason of the answer.
    - `heads`: the parser of the connection, which has the request line.

    `sent` is the number of bytes of the answer's body that were sent. `method` and `target` are those of the request
    line, or "" if it was not read.
    """

    __slots__ = ("address", "method", "modern", "sent", "status", "target")

    def __init__(self, address: Any, status: str, heads: HeadParser) -> None:
        self.address: Any = address
        self.status: str = status
        self.method: str = heads.method
        self.target: str = heads.target
        self.modern: bool = heads.modern
        self.sent: int = 0


class AccessLog:
    """Write a line for each request, in the common log format, to a function that takes a str.

    The lines of one turn of the loop are written together. While a write waits, at most `MOST_LINES` lines are kept;
    more are dropped.
    """

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write
        self._lines: list[str] = []
        self._writes = False
        self._dropped = 0

    def add(self, exchange: Exchange) -> None:
        """Record a request that reached the application, answered or not."""
        # Middleware for proxies takes the address from a field of the request.
        address = exchange.environ.get("REMOTE_ADDR")
        code = exchange.head.code if exchange.started and exchange.head is not None else "-"
        self._note(address, _line(exchange), code, exchange.sent)

    def add_refusal(self, refusal: Refusal) -> None:
        """Record a request that was refused."""
        line = _line(refusal) if refusal.target else "-"
        self._note(refusal.address, line, refusal.status[:3], refusal.sent)

    def _note(self, address: Any, request: str, code: Any, sent: int) -> None:
        address = _UNSAFE.sub(_escape, address) if isinstance(address, str) and address else "-"
        line = f'{address} - - [{_local_time()}] "{request}" {code} {sent or "-"}\n'
        if len(self._lines) >= MOST_LINES:
            self._dropped += 1
            return
        self._lines.append(line)
        if not self._writes:
            # A greenlet writes, because the log file may be a cooperative one.
            self._writes = True
            spawn_raw(self._write_on)

    def _write_on(self) -> None:
        try:
            while self._lines:
                lines, self._lines = self._lines, []
                self._write("".join(lines))
        finally:
            self._writes = False
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            _log.warn("%d lines of the access log were dropped while a write waited", dropped)


def _line(request: Any) -> str:
    """Return the request line of an exchange or a refusal."""
    # A method is a token and a target is visible ASCII; a quote in the target could end the field.
    target = request.target.replace('"', "%22").replace("\\", "%5C")
    return f"{request.method} {target} HTTP/1.{int(request.modern)}"


class RefusalLog:
    """Log refused requests: at most `MOST_WARNINGS` in `WINDOW` seconds. The others are counted."""

    def __init__(self, logger: "logging.Logger | logging.LoggerAdapter[Any]") -> None:
        self._logger = logger
        self._ends = 0.0
        self._logged = 0
        self._suppressed = 0

    def warn(self, what: str, peer: str, why: Exception) -> None:
        """Log that the request `what` of `peer` was refused because of the error `why`."""
        self.report(False)
        if self._logged == 0:
            self._ends = monotonic() + WINDOW
        if self._logged >= MOST_WARNINGS:
            self._suppressed += 1
            return
        self._logged += 1
        more = (
            f"; in the next {WINDOW:.0f} s refusals are only counted" if self._logged == MOST_WARNINGS else ""
        )
        self._logger.warning("%s from %s was refused: %s%s", what, peer, why, more)

    def report(self, ended: bool) -> None:
        """Log the number of refusals that were only counted, if the window is over or the server has `ended`."""
        if self._logged and (ended or monotonic() >= self._ends):
            count, self._suppressed, self._logged = self._suppressed, 0, 0
            if count:
                self._logger.warning("%d more requests were refused", count)


class ErrorStream:
    """The text stream ``wsgi.errors``, whose lines are passed to a logger."""

    def __init__(self, logger: "logging.Logger | logging.LoggerAdapter[Any]") -> None:
        self._logger = logger

    def write(self, text: str) -> int:
        """Log `text`, unless it is blank."""
        if text.strip():
            self._logger.error("%s", text.rstrip())
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Log each of `lines`."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Do nothing: `write` keeps no text back."""
