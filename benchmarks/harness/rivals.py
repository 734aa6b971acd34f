"""The rivals: every name that may head a column, and the package that it needs."""

import importlib.util
from dataclasses import dataclass

SUBJECT = "greenrt"
BASELINE = "gevent"


@dataclass(frozen=True, slots=True)
class Rival:
    """One contestant. ``module`` must be importable; ``--rivals`` selects by ``family``."""

    name: str
    family: str
    module: str | None = None

    def installed(self) -> bool:
        """Return whether the package is installed. Only the measured process imports it."""
        return self.module is None or importlib.util.find_spec(self.module) is not None


# The first five have a column of their own in the table; the others follow below a row.
COLUMNS = (SUBJECT, BASELINE, "eventlet", "asyncio", "uvloop")

_ALL = (
    Rival("greenrt", "greenrt", "greenrt"),
    Rival("gevent", "gevent", "gevent"),
    Rival("eventlet", "eventlet", "eventlet"),
    Rival("asyncio", "asyncio"),
    Rival("uvloop", "uvloop", "uvloop"),
    Rival("greenrt.green", "greenrt", "greenrt"),
    Rival("asyncio Protocol", "asyncio"),
    Rival("uvloop Protocol", "uvloop", "uvloop"),
    Rival("native threads", "threads"),
    Rival("unpatched, in turn", "threads"),
    Rival("aiodns", "asyncio", "aiodns"),
    Rival("C library", "c"),
    Rival("C epoll", "c"),
    Rival("gunicorn gevent", "gevent", "gunicorn"),
    Rival("uvicorn", "uvloop", "uvicorn"),
    Rival("granian", "granian", "granian"),
    Rival("waitress", "waitress", "waitress"),
)

RIVALS = {rival.name: rival for rival in _ALL}
FAMILIES = tuple(dict.fromkeys(rival.family for rival in _ALL))
