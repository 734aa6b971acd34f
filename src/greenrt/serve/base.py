"""What servers have in common: a socket, a greenlet that takes from it, handlers, and a graceful end."""

from collections.abc import Callable

from greenrt._hub.greenlet import Greenlet
from greenrt._hub.raw import spawn_raw
from greenrt._hub.slot import get_hub
from greenrt._typing import Any
from greenrt.serve.listeners import parse_address
from greenrt.sync.event import Event
from greenrt.sync.group import Group
from greenrt.sync.pool import Pool

__all__ = ["BaseServer"]


class BaseServer:
    """A server that calls `handle` for whatever comes in. gevent's class of the same name.

    `listener`: ``(host, port)``, a port, ``"host:port"``, ``":port"``, ``"unix:/path"``, or a socket. `spawn` says
    in what a handler runs: ``"default"`` (a greenlet each), a number (a Pool of that size: no more is taken in while
    it is full), a Pool or Group, any callable like `greenrt.spawn`, or None (in the greenlet that accepts).
    """

    # Seconds that `stop` gives handlers to finish.
    stop_timeout: float = 1.0
    # Seconds to wait after an error of the system (no fds, no memory), doubled each time.
    min_delay: float = 0.01
    max_delay: float = 0.5
    # What is called for whatever comes in; a subclass may define it as a method.
    handle: Any = None
    # How many are taken in before handlers get to run.
    max_accept: int = 100

    def __init__(
        self, listener: Any, handle: Callable[..., Any] | None = None, spawn: Any = "default"
    ) -> None:
        self._given: Any = None
        self.socket: Any = None
        self._accepting: Greenlet | None = None
        self._stopped = Event()
        self._stopped.set()
        self.pool: Any = None
        self._spawn: Callable[..., Any] | None = None
        # What handlers run in where the user gave nothing that could be waited for.
        self._own = Group()
        if handle is not None:
            self.handle = handle
        self.set_spawn(spawn)
        if hasattr(listener, "accept") or hasattr(listener, "recvfrom"):
            self.socket = listener
            self.family = listener.family
            self.address = listener.getsockname()
        else:
            self.family, self.address = parse_address(listener)
            self._given = self.address

    def set_spawn(self, spawn: Any) -> None:
        """Choose what handlers run in; see the class."""
        if spawn == "default":
            self._spawn = self._own.spawn
        elif spawn is None:
            self._spawn = None
        elif spawn == "raw":
            self._spawn = spawn_raw
        elif isinstance(spawn, int) and not isinstance(spawn, bool):
            self.pool = Pool(spawn)
            self._spawn = self.pool.spawn
        elif hasattr(spawn, "spawn"):
            self.pool = spawn
            self._spawn = spawn.spawn
        elif callable(spawn):
            self._spawn = spawn
        else:
            raise TypeError(
                f"spawn must be 'default', 'raw', None, a number, a pool or a callable, not {spawn!r}"
            )

    def set_handle(self, handle: Callable[..., Any]) -> None:
        """Choose what is called for whatever comes in."""
        self.handle = handle

    # -- Addresses

    @property
    def server_host(self) -> Any:
        """The host the server listens on, or None."""
        return self.address[0] if isinstance(self.address, tuple) else None

    @property
    def server_port(self) -> Any:
        """The port the server listens on, or None; with port 0, known after `start`."""
        return self.address[1] if isinstance(self.address, tuple) else None

    # -- Life

    @property
    def started(self) -> bool:
        """Whether the server takes in."""
        return self._accepting is not None and not self._accepting.ready()

    @property
    def closed(self) -> bool:
        """Whether the server has no socket: not started yet, or stopped."""
        return self.socket is None

    def start(self) -> None:
        """Open the socket and begin to take in; returns at once. OSError if the address can't be had."""
        if self.started:
            raise AssertionError(f"{self!r} is started already")
        if self.handle is None:
            raise TypeError(f"{self!r} has nothing to handle what comes in; give it a handle function")
        if self.socket is None:
            self.socket = self._open(self.family, self._given)
            self.address = self.socket.getsockname()
        self._stopped.clear()
        self._accepting = Greenlet.spawn(self._accept_forever)

    def serve_forever(self, stop_timeout: float | None = None) -> None:
        """Start, unless started, and wait until somebody calls `stop`."""
        if not self.started:
            self.start()
        try:
            self._stopped.wait()
        finally:
            Greenlet.spawn(self.stop, timeout=stop_timeout).join()

    def close(self) -> None:
        """Take in no more and close the socket; handlers go on."""
        accepting, self._accepting = self._accepting, None
        sock, self.socket = self.socket, None
        self._stopped.set()
        if accepting is not None:
            accepting.kill(block=False)
        if sock is not None:
            sock.close()

    def stop(self, timeout: float | None = None) -> None:
        """Close, wait for the handlers for `timeout` seconds (None: `stop_timeout`), then kill those left."""
        self.close()
        if timeout is None:
            timeout = self.stop_timeout
        for group in (self.pool, self._own):
            if group is not None and hasattr(group, "join"):
                group.join(timeout=timeout)
                group.kill(block=True, timeout=1)

    def __enter__(self) -> "BaseServer":
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # -- For subclasses

    def _open(self, family: Any, address: Any) -> Any:
        raise NotImplementedError

    def _accept_forever(self) -> None:
        raise NotImplementedError

    def do_handle(self, *args: Any) -> None:
        """Run the handler in what `spawn` says."""
        if self._spawn is None:
            self._run_handler(*args)
        else:
            self._spawn(self._run_handler, *args)

    def _run_handler(self, *args: Any) -> None:
        raise NotImplementedError

    def _report(self) -> None:
        """Report the error of a handler; the server goes on."""
        import sys

        kind, value, traceback = sys.exc_info()
        get_hub().handle_error(self, kind, value, traceback)

    def __repr__(self) -> str:
        state = "started" if self.started else "closed" if self.closed else "open"
        # The repr of a method of this very server would show the server, and so on.
        own = getattr(self.handle, "__self__", None) is self
        handle = self.handle.__name__ if own else repr(self.handle)
        return f"<{type(self).__name__} at {id(self):#x} {state} {self.address!r} handle={handle}>"
