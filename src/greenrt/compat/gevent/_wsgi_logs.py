"""The logs of gevent.pywsgi: a logger as a stream, a stream that drops everything, and the choice between them."""

import logging
import sys

from greenrt._typing import Any

__all__ = ["LoggingLogAdapter", "NoopLog", "as_stream"]


class NoopLog:
    """A text stream that drops what is written."""

    def write(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""

    def writelines(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""


class LoggingLogAdapter:
    """A text stream that logs each write with a logger.

    - `logger`: a `logging.Logger`, or an object with its method `log`.
    - `level`: the level of the records (INFO).

    All other attributes are those of the logger: to read, to set and to delete.
    """

    __slots__ = ("_level", "_logger")

    _logger: Any
    _level: int

    def __init__(self, logger: Any, level: int = logging.INFO) -> None:
        self._logger = logger
        self._level = level

    def write(self, msg: str) -> None:
        """Log a text without the newline at its end."""
        self._logger.log(self._level, msg.removesuffix("\n") if msg else msg)

    def flush(self) -> None:
        """Do nothing: handlers of loggers flush."""

    def writelines(self, lines: Any) -> None:
        """Log each line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in LoggingLogAdapter.__slots__:
            object.__setattr__(self, name, value)
        else:
            setattr(self._logger, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._logger, name)


def as_stream(log: Any, level: int) -> Any:
    """Return a stream for the argument `log` or `error_log` of a server.

    ``"default"`` is `sys.stderr`, None a `NoopLog`, and a logger gets a `LoggingLogAdapter` with `level`.
    """
    if log is None:
        return NoopLog()
    if isinstance(log, str) and log == "default":
        return sys.stderr
    if not hasattr(log, "write") and hasattr(log, "log"):
        return LoggingLogAdapter(log, level)
    return log
