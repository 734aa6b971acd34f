"""Each public name of gevent's exists, or stands here with the reason why it does not."""

import importlib
import sys
from pathlib import Path

import pytest

LIBEV = "a constant of libev's watchers and loops; greenrt has a loop of its own"
INSIDE = "a helper inside gevent that its module happens to show"

# (module, name): the reason.
MISSING = {
    ("gevent.ares", "channel"): "greenrt.dns.query asks name servers for any record",
    ("gevent.hub", "linkproxy"): INSIDE,
    ("gevent.lock", "atomic"): INSIDE,
    ("gevent.pool", "GroupMappingMixin"): INSIDE,
    ("gevent.pool", "pass_value"): INSIDE,
    ("gevent.pywsgi", "OldMessage"): INSIDE,
    ("gevent.pywsgi", "format_date_time"): INSIDE,
    ("gevent.pywsgi", "headers_factory"): INSIDE,
    ("gevent.select", "PollResult"): INSIDE,
    ("gevent.select", "SelectResult"): INSIDE,
    ("gevent.select", "get_fileno"): INSIDE,
    ("gevent.util", "is_idle_threadpool_worker"): INSIDE,
    **{
        ("gevent.core", name): LIBEV
        for name in (
            "ASYNC BACKEND_DEVPOLL BACKEND_IOURING BACKEND_LINUXAIO BACKEND_PORT CHECK CHILD CLEANUP CUSTOM EMBED "
            "ERROR EV_USE_4HEAP EV_USE_CLOCK_SYSCALL EV_USE_EVENTFD EV_USE_FLOOR EV_USE_INOTIFY EV_USE_MONOTONIC "
            "EV_USE_NANOSLEEP EV_USE_REALTIME EV_USE_SIGNALFD FORK FORKCHECK IDLE LIBEV_EMBED NOINOTIFY NOSIGMASK "
            "PERIODIC PREPARE SIGNAL SIGNALFD STAT TIMER UNDEF"
        ).split()
    },
}

# The modules with the names of a module of the standard library, which differ between versions and systems.
MIRRORS = {
    "gevent.os": "os",
    "gevent.select": "select",
    "gevent.selectors": "selectors",
    "gevent.signal": "signal",
    "gevent.socket": "socket",
    "gevent.ssl": "ssl",
    "gevent.subprocess": "subprocess",
    "gevent.thread": "_thread",
    "gevent.threading": "threading",
    "gevent.time": "time",
}


def names() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("gevent_names.txt").read_text().splitlines():
        if not line.startswith("#"):
            module, name = line.split(" | ")
            found.setdefault(module, []).append(name)
    return found


NAMES = names()


@pytest.mark.parametrize("module", NAMES)
def test_each_name_exists(module: str) -> None:
    ours = importlib.import_module(f"greenrt.compat.{module}")
    missing = {(module, name) for name in NAMES[module] if not hasattr(ours, name)}
    if module in MIRRORS:
        standard = importlib.import_module(MIRRORS[module])
        extensions = getattr(ours, "__extensions__", ())
        # The file is from 3.11 on Linux. What is gevent's own exists everywhere.
        missing = {
            (module, name) for _, name in missing if hasattr(standard, name) or name in extensions
        } | missing.intersection(MISSING)
    assert missing == {key for key in MISSING if key[0] == module}


@pytest.mark.parametrize("module", NAMES)
def test_what_is_exported_exists(module: str) -> None:
    ours = importlib.import_module(f"greenrt.compat.{module}")
    assert [name for name in ours.__all__ if not hasattr(ours, name)] == []


def test_the_version() -> None:
    import greenrt.compat.gevent as gevent

    assert gevent.__version__ == "26.9.0"
    assert gevent.version_info[:3] == (26, 9, 0)
    assert sys.modules["greenrt.compat.gevent"] is gevent
