"""Check the status and headers of an application, and encode them as the head of a response."""

import re
from time import gmtime, time

from greenrt._native.thread import coarse
from greenrt._typing import Any
from greenrt.serve.http.memo import remember
from greenrt.serve.http.protocol import TEXT, is_token

__all__ = ["ResponseHead"]

_STATUS = re.compile(f"([1-9][0-9][0-9]) {TEXT}")

# Hop-by-hop fields belong to the server (PEP 3333). Proxy-Authenticate is none since RFC 7235, and 407 must have it.
_HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authorization te trailer transfer-encoding upgrade".split()
)
# The statuses that must have Upgrade (RFC 9110 15.2.2 and 15.5.22).
_UPGRADES = (101, 426)
# The kinds of headers: the server treats each differently.
PLAIN, LENGTH, DATE, HOP = 0, 1, 2, 3
_SPECIAL = {"content-length": LENGTH, "date": DATE, **dict.fromkeys(_HOP_BY_HOP, HOP)}
# The kind of a header by its name, in the application's spelling.
_kinds: dict[str, int] = {}
# The code and the status line by status.
_statuses: dict[str, tuple[int, str]] = {}

_DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
# The Date field, and the monotonic time at which it becomes outdated.
_date = ""
_date_ends = 0.0


def _dated() -> str:
    """Return the Date field for the current second, in the format of RFC 9110 5.6.7."""
    global _date, _date_ends
    now = coarse()
    if now >= _date_ends:
        second = time()
        year, month, day, hour, minute, seconds, weekday, _, _ = gmtime(second)
        _date = f"Date: {_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{seconds:02} GMT"
        _date_ends = now + 1 - second % 1
    return _date


def _as_str(value: Any, what: str) -> str:
    """Return `value` as a plain str: a subclass of str may print as another text than the one that is checked."""
    if type(value) is str:
        return value
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {value!r}")
    return str.__str__(value)


def _status_of(status: str) -> tuple[int, str]:
    found = _STATUS.fullmatch(status)
    if found is None:
        raise ValueError(f"the status must be three digits, a space and a reason, not {status!r}")
    if status[0] == "1" and found[1] != "101":
        # After such a status the client waits for a final one (RFC 9110 15.2).
        raise ValueError(f"{status!r} is an interim status; pass a final one")
    _check_value(status)
    read = (int(found[1]), "HTTP/1.1 " + status)
    remember(_statuses, status, read)
    return read


def _kind_of(name: str) -> int:
    if is_token(name) is None:
        raise ValueError(f"{name!r} is no valid name of a header")
    kind = _SPECIAL.get(name.lower(), PLAIN)
    remember(_kinds, name, kind)
    return kind


def _check_value(value: str) -> None:
    for char in value:
        # PEP 3333 and RFC 9110 5.5 forbid control characters; a line break would split the response.
        if (char < " " and char != "\t") or char == "\x7f":
            raise ValueError(f"{value!r} in a header has a control character; remove it")
        if char > "\xff":
            raise UnicodeError(f"{char!r} in a header is not Latin-1; encode it in {value!r}")


class ResponseHead:
    """The status and headers of a response, checked.

    The constructor raises TypeError or ValueError, which names the invalid part.
    """

    __slots__ = ("code", "length", "lines", "wants_close")

    def __init__(self, status: str, headers: list[tuple[str, str]]) -> None:
        # The announced Content-Length, or -1.
        self.length: int = -1
        # Whether the application asked for the connection to be closed.
        self.wants_close: bool = False
        self._set(status, headers)

    def _set(self, status: str, headers: list[tuple[str, str]]) -> None:
        if type(status) is not str:
            status = _as_str(status, "the status (such as '200 OK')")
        read = _statuses.get(status)
        if read is None:
            read = _status_of(status)
        self.code: int = read[0]
        # The lines of the head, except the fields that frame the body.
        lines = [read[1]]
        self.lines: list[str] = lines
        dated = False
        for name, value in headers:
            if type(name) is not str:
                name = _as_str(name, "the name of a header")
            known = _kinds.get(name)
            kind = _kind_of(name) if known is None else known
            if type(value) is not str:
                value = _as_str(value, f"the value of the header {name}")
            if kind != PLAIN:
                if kind == LENGTH:
                    self._set_length(value)
                    continue
                if kind == HOP and self._is_ours(name.lower(), value):
                    continue
                if kind == DATE:
                    dated = True
            _check_value(value)
            lines.append(f"{name}: {value}")
        if not dated:
            lines.append(_dated())

    def _set_length(self, value: str) -> None:
        # A number with more digits would not fit in a C integer.
        length = 0 if 0 < len(value) <= 18 else -1
        for char in value:
            if length < 0 or char < "0" or char > "9":
                length = -1
                break
            length = length * 10 + ord(char) - 48
        if length < 0:
            raise ValueError(f"the Content-Length must be a number of bytes, not {value!r}")
        if self.length >= 0 and self.length != length:
            raise ValueError(f"the Content-Length has two values, {self.length} and {length}; give one")
        self.length = length

    def _is_ours(self, lower: str, value: str) -> bool:
        """Return whether the server drops a header of the connection.

        It drops all of them, except the Upgrade of statuses that must have it.
        """
        if lower == "connection" and "close" in [option.strip(" \t") for option in value.lower().split(",")]:
            self.wants_close = True
        if lower != "upgrade" or self.code not in _UPGRADES:
            return True
        if "Connection: Upgrade" not in self.lines:
            # RFC 9110 7.8 requires this option beside Upgrade.
            self.lines.append("Connection: Upgrade")
        return False
