"""The access log in the common format, and ``wsgi.errors``."""

import logging
from collections.abc import Callable
from time import localtime, strftime, time

from greenrt._hub.raw import spawn_raw
from greenrt._typing import Any
from greenrt.serve.http.exchange import Exchange

__all__ = ["AccessLog", "ErrorStream"]

_now = (0, "")


def _local_time() -> str:
    global _now
    second = int(time())
    if _now[0] != second:
        _now = (second, strftime("%d/%b/%Y:%H:%M:%S %z", localtime(second)))
    return _now[1]


class AccessLog:
    """A line for each request, in the common log format, to whatever takes a str: lines of one turn come together."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write
        self._lines: list[str] = []

    def add(self, exchange: Exchange) -> None:
        """Note a request that was answered."""
        # The target is visible ASCII; a quote in it could end the field.
        target = exchange.target.replace('"', "%22")
        code = "-" if exchange.head is None else exchange.head.code
        line = (
            f"{exchange.environ.get('REMOTE_ADDR') or '-'} - - [{_local_time()}] "
            f'"{exchange.method} {target} HTTP/1.{int(exchange.modern)}" {code} {exchange.sent or "-"}\n'
        )
        if not self._lines:
            # In a greenlet: a log file may be a cooperative one.
            spawn_raw(self.flush)
        self._lines.append(line)

    def flush(self) -> None:
        """Write what was noted."""
        lines, self._lines = self._lines, []
        if lines:
            self._write("".join(lines))


class ErrorStream:
    """``wsgi.errors``: a text stream whose lines go to a logger."""

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
        """Do nothing: nothing is kept back."""
