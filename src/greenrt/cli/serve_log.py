"""The error log of ``greenrt serve``: lines on stderr with time, process and level."""

import logging
import sys

from greenrt._typing import Any

__all__ = ["LEVELS", "log_to_stderr"]

LEVELS = ("debug", "info", "warning", "error", "critical")
FORMAT = "%(asctime)s [%(process)d] %(levelname)s: %(message)s"
# The loggers of the runtime and of its servers.
LOGGERS = ("greenrt", "greenrt.serve")


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]
    """Write to the current `sys.stderr`, unless the application has configured logging: then its handlers write."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter(FORMAT))

    @property
    def stream(self) -> Any:
        return sys.stderr

    def filter(self, record: logging.LogRecord) -> Any:
        return not logging.getLogger().handlers and super().filter(record)


def log_to_stderr(level: str) -> None:
    """Set the lowest level that is logged, and write the records that no handler of the application takes.

    It may be called again: ``logging.config.dictConfig`` switches off loggers that exist already.
    """
    runtime = logging.getLogger("greenrt")
    runtime.setLevel(level.upper())
    if not any(isinstance(handler, _Handler) for handler in runtime.handlers):
        runtime.addHandler(_Handler())
    for name in LOGGERS:
        logging.getLogger(name).disabled = False
