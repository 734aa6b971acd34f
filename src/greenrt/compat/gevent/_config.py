"""gevent.config: gevent's settings and GEVENT_* variables; each is honoured, or warned about once."""

import importlib
import os
import warnings
from collections.abc import Callable

from greenrt._hub.spawn_tree import track
from greenrt._typing import Any

__all__ = ["Config", "config", "validate_anything", "validate_bool"]

_HERE = __package__

_TRUE = ("1", "true", "on", "yes")
_FALSE = ("0", "false", "off", "no", "")

_UNITS = {"kb": 1024, "mb": 1024**2, "gb": 1024**3}


def validate_anything(value: Any) -> Any:
    """Return `value`."""
    return value


def validate_bool(value: Any) -> bool:
    """Return `value` as a bool. A text is one of 1, true, on, yes, 0, false, off, no; ValueError for others."""
    if isinstance(value, str):
        text = value.strip().lower()
        if text not in _TRUE + _FALSE:
            raise ValueError(f"{value!r} is not a boolean; use one of {', '.join((*_TRUE, *_FALSE[:-1]))}")
        return text in _TRUE
    return bool(value)


def _integer(value: Any) -> Any:
    return int(value) if value else value


def _positive(value: Any) -> Any:
    if value is None or value == "":
        return None
    number = float(value)
    if number <= 0:
        raise ValueError(f"{value!r} is not positive")
    return number


def _idle_timeout(value: Any) -> float:
    return -1.0 if value is None else float(value)


def _bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value if value is None else _positive_integer(value)
    text = value.strip().lower()
    if text[-2:] in _UNITS:
        return _positive_integer(int(text[:-2]) * _UNITS[text[-2:]])
    return _positive_integer(int(text))


def _positive_integer(value: int) -> int:
    if value <= 0:
        raise ValueError(f"{value!r} is not positive")
    return value


def _listed(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


class _Importable:
    """A validator that imports the first of several objects, by a short name or by a path."""

    def __init__(self, **short: str) -> None:
        self.short = short

    def __call__(self, value: Any) -> Any:
        candidates = _listed(value)
        if not isinstance(candidates, list | tuple):
            return value
        error = None
        for each in candidates:
            try:
                return self._load(each)
            except ImportError as failure:
                error = failure
        raise error if error is not None else ImportError("no object to import is given")

    def _load(self, path: Any) -> Any:
        if not isinstance(path, str):
            return path
        path = self.short.get(path, path)
        module, _, name = path.rpartition(".")
        if not module or "/" in path:
            raise ImportError(
                f"can't import {path!r}; use package.module.name, or one of {', '.join(self.short)}"
            )
        # gevent's own objects are those of this package, under whatever name the program imports it.
        package, _, rest = module.partition(".")
        if package == "gevent":
            module = f"{_HERE}.{rest}" if rest else _HERE
        found = getattr(importlib.import_module(module), name, None)
        if found is None:
            raise ImportError(f"can't import {name!r} from {module!r}")
        return found


class _Setting:
    """One setting.

    variable: the environment variable that it is read from.
    validate: returns the value, or raises ValueError or ImportError.
    default: the value without the variable.
    meaning: why the setting has no effect here; empty if it has one. Setting it warns once.
    """

    def __init__(
        self, variable: str, default: Any, validate: Callable[[Any], Any], meaning: str = ""
    ) -> None:
        self.variable = variable
        self.default = default
        self.validate = validate
        self.meaning = meaning


_NO_LIBEV = "greenrt has an event loop of its own"
_NO_ARES = "greenrt's resolver follows resolv.conf; use resolver_nameservers for other servers"

_SETTINGS = {
    "resolver": _Setting(
        "GEVENT_RESOLVER",
        ["auto"],
        _Importable(
            auto="gevent.resolver.Resolver",
            ares="gevent.resolver.ares.Resolver",
            thread="gevent.resolver.thread.Resolver",
            block="gevent.resolver.blocking.Resolver",
            dnspython="gevent.resolver.dnspython.Resolver",
        ),
    ),
    "threadpool": _Setting("GEVENT_THREADPOOL", ["gevent.threadpool.ThreadPool"], _Importable()),
    "threadpool_idle_task_timeout": _Setting("GEVENT_THREADPOOL_IDLE_TASK_TIMEOUT", 5.0, _idle_timeout),
    "loop": _Setting(
        "GEVENT_LOOP",
        ["gevent.core.loop"],
        lambda value: value if isinstance(value, type) else _Importable()(["gevent.core.loop"]),
        _NO_LIBEV,
    ),
    "format_context": _Setting("GEVENT_FORMAT_CONTEXT", ["pprint.saferepr"], _Importable()),
    "libev_backend": _Setting("GEVENT_BACKEND", None, _listed),
    "fileobject": _Setting(
        "GEVENT_FILE",
        ["posix", "thread"],
        _Importable(
            thread="gevent.fileobject.FileObjectThread",
            posix="gevent.fileobject.FileObjectPosix",
            block="gevent.fileobject.FileObjectBlock",
        ),
    ),
    "disable_watch_children": _Setting(
        "GEVENT_NOWAITPID",
        False,
        validate_bool,
        "greenrt waits for each child by its pidfd, and never reaps others",
    ),
    "trace_malloc": _Setting("PYTHONTRACEMALLOC", False, _integer),
    "track_greenlet_tree": _Setting("GEVENT_TRACK_GREENLET_TREE", True, validate_bool),
    "monitor_thread": _Setting("GEVENT_MONITOR_THREAD_ENABLE", False, validate_bool),
    "max_blocking_time": _Setting("GEVENT_MAX_BLOCKING_TIME", 0.1, _positive),
    "print_blocking_reports": _Setting("GEVENT_MONITOR_PRINT_BLOCKING_REPORTS", True, validate_bool),
    "memory_monitor_period": _Setting("GEVENT_MONITOR_MEMORY_PERIOD", 5, _positive),
    "max_memory_usage": _Setting("GEVENT_MONITOR_MEMORY_MAX", None, _bytes),
    "ares_flags": _Setting("GEVENTARES_FLAGS", None, validate_anything, _NO_ARES),
    "ares_timeout": _Setting("GEVENTARES_TIMEOUT", None, validate_anything, _NO_ARES),
    "ares_tries": _Setting("GEVENTARES_TRIES", None, validate_anything, _NO_ARES),
    "ares_ndots": _Setting("GEVENTARES_NDOTS", None, validate_anything, _NO_ARES),
    "ares_udp_port": _Setting("GEVENTARES_UDP_PORT", None, validate_anything, _NO_ARES),
    "ares_tcp_port": _Setting("GEVENTARES_TCP_PORT", None, validate_anything, _NO_ARES),
    "ares_servers": _Setting("GEVENTARES_SERVERS", None, validate_anything),
    "resolver_nameservers": _Setting("GEVENT_RESOLVER_NAMESERVERS", None, _listed),
    "resolver_timeout": _Setting("GEVENT_RESOLVER_TIMEOUT", None, _positive, _NO_ARES),
}

_warned: set[str] = set()


class Config:
    """gevent's configuration. Each setting is an attribute; set it before its first use.

    A setting that has no effect in greenrt warns once, when the program or its environment variable sets it.
    """

    def __init__(self) -> None:
        vars(self)["settings"] = dict(_SETTINGS)
        vars(self)["_values"] = {}

    def __getattr__(self, name: str) -> Any:
        setting = self._setting(name)
        values = vars(self)["_values"]
        if name not in values:
            text = os.environ.get(setting.variable)
            if text is not None:
                _warn_if_without_effect(setting, f"the environment variable {setting.variable}")
            values[name] = setting.validate(setting.default if text is None else text)
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def set(self, name: str, value: Any) -> None:
        """Set a setting. Raise AttributeError for an unknown name, ValueError or ImportError for a wrong value."""
        setting = self._setting(name)
        checked = setting.validate(value)
        _warn_if_without_effect(setting, f"the setting {name!r} of gevent.config")
        vars(self)["_values"][name] = checked
        if name == "track_greenlet_tree":
            track(checked)

    def _setting(self, name: str) -> _Setting:
        settings: dict[str, _Setting] = vars(self)["settings"]
        if name not in settings:
            raise AttributeError(f"gevent.config has no setting {name!r}")
        return settings[name]

    def __dir__(self) -> list[str]:
        return list(vars(self)["settings"])

    def print_help(self) -> None:
        """Print each setting with its variable."""
        for name, setting in vars(self)["settings"].items():
            print(
                f"{name}: {setting.variable}"
                + (f" (no effect: {setting.meaning})" if setting.meaning else "")
            )


def _warn_if_without_effect(setting: _Setting, what: str) -> None:
    if setting.meaning and setting.variable not in _warned:
        _warned.add(setting.variable)
        warnings.warn(f"{what} has no effect: {setting.meaning}", RuntimeWarning, stacklevel=3)


config = Config()
