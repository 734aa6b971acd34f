"""The outputs of a server's logs: streams, loggers and callables. A failed write never affects a request."""

import io
import logging
from collections.abc import Callable

from greenrt import _log
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.errors import GreenletExit

__all__ = ["LOGGER", "ErrorLog", "line_writer"]

LOGGER = logging.getLogger("greenrt.serve")
# The least time between two warnings that the same log can't be written, in seconds.
QUIET = 60.0
# Exceptions that end a greenlet or the program; the handler of a signal may raise them during the write.
ENDINGS = (GreenletExit, KeyboardInterrupt, SystemExit)


class _Failures:
    """Warn that a log can't be written, at most once in `QUIET` seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._next = 0.0

    def note(self, error: BaseException) -> None:
        now = monotonic()
        if now >= self._next:
            self._next = now + QUIET
            _log.warn("the %s can't be written and its lines are lost: %r", self._what, error)


class ErrorLog(logging.LoggerAdapter):  # type: ignore[type-arg]
    """The error log of a server: a logger whose failing handlers never affect the server.

    - `target`: None or ``"default"`` (the logger ``greenrt.serve``), a logger, an object with a method ``log(level,
      text)``, or a text stream.

    Raise TypeError or ValueError for anything else.
    """

    def __init__(self, target: Any) -> None:
        super().__init__(_logger(target))
        self._failures = _Failures("error log")

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return both arguments unchanged."""
        return msg, kwargs

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message as `logging.Logger.log` does. An exception of a handler is reported, not raised."""
        # A record must name the caller's line, not this method's.
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        try:
            super().log(level, msg, *args, **kwargs)
        except ENDINGS:
            raise
        except BaseException as error:
            self._failures.note(error)


def _logger(target: Any) -> Any:
    if target is None or (isinstance(target, str) and target == "default"):
        return LOGGER
    if isinstance(target, logging.Logger | logging.LoggerAdapter):
        return target
    if hasattr(target, "log"):
        handler: logging.Handler = _Forwarder(target)
    elif hasattr(target, "write"):
        _check_stream("error_log", target)
        handler = logging.StreamHandler(target)
        handler.setFormatter(logging.Formatter("%(asctime)s [%(process)d] %(levelname)s: %(message)s"))
    else:
        raise TypeError(f"error_log must be a logger, a text stream, 'default' or None, not {target!r}")
    # The logger belongs to this server alone: the program can't find it by name.
    logger = logging.Logger("greenrt.serve", logging.INFO)
    logger.addHandler(handler)
    return logger


class _Forwarder(logging.Handler):
    """Pass each record's text to an object with a method `log`."""

    def __init__(self, target: Any) -> None:
        super().__init__()
        self._target = target

    def emit(self, record: logging.LogRecord) -> None:
        self._target.log(record.levelno, self.format(record))


def line_writer(target: Any) -> Callable[[str], None] | None:
    """Return a function that writes lines of an access log, or None without a log.

    The function takes a str that ends in a newline. `target` is None, ``"default"`` (stderr), a text stream, a logger
    (each line at INFO), or a callable that takes the str. Raise TypeError or ValueError for anything else.
    """
    if target is None:
        return None
    if isinstance(target, str) and target == "default":
        import sys

        target = sys.stderr
        if target is None:
            return None
    write = _plain_writer(target)
    failures = _Failures("access log")

    def guarded(text: str) -> None:
        try:
            write(text)
        except ENDINGS:
            raise
        except BaseException as error:
            failures.note(error)

    return guarded


def _plain_writer(target: Any) -> Callable[[str], Any]:
    if hasattr(target, "write"):
        _check_stream("log", target)
        flush = getattr(target, "flush", None)
        if flush is None:
            return target.write  # type: ignore[no-any-return]

        def write(text: str) -> None:
            target.write(text)
            flush()

        return write
    if hasattr(target, "log"):

        def write_to_logger(text: str) -> None:
            # Log one entry for each line. Only a newline ends a line here; splitlines() knows other ends.
            for line in text.removesuffix("\n").split("\n"):
                target.log(logging.INFO, "%s", line)

        return write_to_logger
    if callable(target):
        return target  # type: ignore[no-any-return]
    raise TypeError(
        f"log must be a text stream, a logger, a callable that takes a str, 'default' or None, not {target!r}"
    )


def _check_stream(name: str, stream: Any) -> None:
    if not isinstance(stream, io.IOBase):
        return
    if isinstance(stream, io.RawIOBase | io.BufferedIOBase):
        raise TypeError(f"{name} must be a text stream, but {stream!r} takes bytes; open it in text mode")
    if stream.closed or not stream.writable():
        raise ValueError(f"{name} must be open for writing, but {stream!r} is not")
