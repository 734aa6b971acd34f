"""gevent.hub: the hub with gevent's settings, and what uses it."""

import sys
from collections.abc import Callable
from functools import cached_property

from greenrt import Hub as _Hub
from greenrt._hub.current_hub import get_hub, get_hub_if_exists
from greenrt._hub.greenlet import kill
from greenrt._hub.raw_greenlet import RawGreenlet
from greenrt._hub.signal_handler import signal_handler as signal
from greenrt._hub.sleep import idle, sleep
from greenrt._hub.wait_many import iwait, wait
from greenrt._hub.waiter import Waiter
from greenrt._native.switch import current as getcurrent
from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._cancel_wait import cancel_wait
from greenrt.compat.gevent._config import config
from greenrt.compat.gevent._hub_local import (
    get_hub_class,
    get_loop,
    offer_hub_class,
    set_default_hub_class,
    set_hub,
    set_loop,
)
from greenrt.compat.gevent._ident import IdentRegistry
from greenrt.compat.gevent._spawn_raw import spawn_raw
from greenrt.errors import GreenletExit, HubDestroyed, LoopExit

__all__ = [
    "GreenletExit",
    "Hub",
    "HubDestroyed",
    "IdentRegistry",
    "LoopExit",
    "RawGreenlet",
    "Waiter",
    "get_hub",
    "get_hub_class",
    "get_loop",
    "getcurrent",
    "idle",
    "iwait",
    "kill",
    "reinit",
    "set_default_hub_class",
    "set_hub",
    "set_loop",
    "signal",
    "sleep",
    "spawn_raw",
    "wait",
]

# gevent.testing imports this name.
_get_hub = get_hub_if_exists


class _Text:
    """An object whose repr is a text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class Hub(_Hub):
    """greenrt's hub with gevent's settings.

    Arguments: `loop`, a loop, or the names of its backend; `default`, see `gevent.core.loop`.

    Class attributes: `threadpool_size`; and, from `gevent.config`, `resolver_class`, `threadpool_class` and
    `loop_class`.
    """

    NOT_ERROR: tuple[type[BaseException], ...] = (GreenletExit, SystemExit)
    threadpool_size = 10
    periodic_monitoring_thread: Any = None

    # Subclasses of programs have these attributes, as gevent's hub.
    _resolver: Any = None
    _threadpool: Any = None

    def __init__(self, loop: Any = None, default: bool | None = None) -> None:
        if hasattr(loop, "run"):
            if default is not None:
                raise TypeError("default is for a loop that the hub makes; leave it out")
        elif get_loop() is not None:
            loop = get_loop()
            set_loop(None)
        else:
            loop = self.loop_class(flags=config.libev_backend if loop is None else loop, default=default)
        super().__init__(loop)

    @property
    def loop_class(self) -> Any:
        """The class of the hub's loop."""
        return config.loop

    @property
    def resolver_class(self) -> Any:
        """The class of the hub's resolver."""
        return config.resolver

    @property
    def threadpool_class(self) -> Any:
        """The class of the hub's thread pool."""
        return config.threadpool

    @cached_property
    def format_context(self) -> Any:
        """The function that returns the text of an error's context. It can be set."""
        return config.format_context

    @cached_property
    def ident_registry(self) -> IdentRegistry:
        """The small numbers of greenlets."""
        return IdentRegistry()

    @property
    def resolver(self) -> Any:
        """The hub's resolver of host names. The first access makes it. It can be set and deleted."""
        if self._resolver is None:
            self.resolver = self.resolver_class(hub=self)
        return self._resolver

    @resolver.setter
    def resolver(self, value: Any) -> None:
        _set_resolver(self, value)
        # Of the program's own resolver greenrt's hub makes another; the program finds the one that it has set.
        self._resolver = _get_resolver(self) if isinstance(value, str) else value

    @resolver.deleter
    def resolver(self) -> None:
        self.resolver = None

    @property
    def threadpool(self) -> Any:
        """The hub's pool of native threads. The first access makes it. It can be set and deleted."""
        if self._threadpool is None:
            self.threadpool = self.threadpool_class(
                self.threadpool_size, hub=self, idle_task_timeout=config.threadpool_idle_task_timeout
            )
        return self._threadpool

    @threadpool.setter
    def threadpool(self, value: Any) -> None:
        _set_threadpool(self, value)
        self._threadpool = value

    @threadpool.deleter
    def threadpool(self) -> None:
        self.threadpool = None

    def handle_error(self, context: object, type: Any, value: Any = None, tb: Any = None) -> None:
        """Report an uncaught error; see `greenrt.Hub.handle_error`."""
        kind, error, traceback = self._normalize_exception(type, value, tb)
        super().handle_error(context, kind, error, traceback)

    def print_exception(self, context: object, t: Any, v: Any = None, tb: Any = None) -> None:
        """Print an error; see `greenrt.Hub.print_exception`. The context's text is that of `format_context`."""
        kind, error, traceback = self._normalize_exception(t, v, tb)
        super().print_exception(self._shown(context), kind, error, traceback)

    def _shown(self, context: object) -> object:
        """Return an object whose repr is the text of `context`."""
        if isinstance(context, str):
            return _Text(context)
        if context is None:
            return None
        # Imported here because few programs need it.
        import pprint

        format_context = self.format_context
        # The hub's own text of an object is like that of saferepr, and never fails.
        if format_context is pprint.saferepr:
            return context
        try:
            return _Text(format_context(context))
        except Exception as error:
            super().print_exception(format_context, type(error), error, error.__traceback__)
            return context

    def _normalize_exception(self, t: Any, v: Any, tb: Any) -> tuple[Any, Any, Any]:
        # gevent.testing calls this. Without arguments it is the error that is being handled.
        if t is None and v is None and tb is None:
            t, v, tb = sys.exc_info()
        if isinstance(v, str):
            v = t(v)
        return t, v, tb

    def run(self) -> None:
        """Run the loop; the first switch to the hub calls this. Start the monitor, if `gevent.config` wants it."""
        if config.monitor_thread:
            self.start_periodic_monitoring_thread()
        super().run()

    def start_periodic_monitoring_thread(self) -> Any:
        """Start the monitor of the hub, unless it runs; return it."""
        if self.periodic_monitoring_thread is None:
            # Imported here because few programs need it.
            from greenrt.compat.gevent import events
            from greenrt.compat.gevent._monitor import PeriodicMonitoringThread

            monitor = self.periodic_monitoring_thread = PeriodicMonitoringThread(self)
            events.notify_and_call_entry_points(events.PeriodicMonitorThreadStartedEvent(monitor))
        return self.periodic_monitoring_thread

    def destroy(self, destroy_loop: bool | None = None) -> None:
        """End the hub, its monitor and its loop; see `greenrt.Hub.destroy`."""
        monitor, self.periodic_monitoring_thread = self.periodic_monitoring_thread, None
        if monitor is not None:
            monitor.kill()
        super().destroy(destroy_loop)
        self._threadpool = self._resolver = None

    def cancel_wait(self, watcher: Any, error: Any, close_watcher: bool = False) -> None:
        """Raise `error` in the greenlet that waits for `watcher`, soon; then close it, with `close_watcher`."""
        cancel_wait(watcher, error)
        if close_watcher:
            self.loop.run_callback(watcher.close)


_get_resolver: Any = _Hub.resolver.__get__
_set_resolver: Any = _Hub.resolver.__set__  # type: ignore[attr-defined]
_set_threadpool: Any = _Hub.threadpool.__set__  # type: ignore[attr-defined]

offer_hub_class(Hub)


def reinit(hub: Any = None) -> None:
    """Renew the loop of `hub` in the child of a fork. greenrt has done that already when `os.fork` returns."""
    found = get_hub_if_exists() if hub is None else hub
    if found is not None:
        found.loop.reinit()


__getattr__: Callable[[str], Any] = missing_names(__name__, {})
