"""gevent.baseserver: the base class of gevent's servers, with its hooks, over greenrt's loop.

A watcher of the loop calls `BaseServer.do_read` in the hub when a connection or datagram has arrived. The hooks are
called where gevent 26.9 calls them.
"""

import errno
import sys
from collections.abc import Callable

from greenrt._hub.current_hub import get_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._loop.loop import READ
from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.errors import BlockingInHub
from greenrt.green import socket
from greenrt.serve.base import TRANSIENT, note_started
from greenrt.serve.listeners import adopt
from greenrt.sync.event import Event
from greenrt.sync.pool import Pool

__all__ = ["BaseServer", "parse_address"]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})


class BaseServer:
    """Read connections or datagrams in the hub, and run `handle` for each. The base of gevent's servers.

    - `listener`: an address (see `parse_address`) or a socket, which listens already.
    - `handle`: the handler; a subclass may define it as a method instead.
    - `spawn`: where handlers run. ``"default"``: in a Greenlet each. A number: in a Pool of that size; while it is
      full, the server reads nothing. A Pool or Group, or a callable like `spawn_raw`: in what that starts. None: in
      the hub, where a handler must not wait.

    A subclass may override `do_read`, `do_handle`, `do_close`, `full`, `init_socket`, `is_fatal_error`,
    `set_handle`, `set_listener`, `set_spawn`, `start_accepting` and `stop_accepting`. The constructor raises
    TypeError or ValueError for an invalid argument.

    `socket` is the listening socket; the attribute is missing while the server has none. `address` and `family` are
    those of the socket, `pool` is the Pool or Group of the handlers, or None, and `delay` is the pause after the next
    error in seconds.
    """

    min_delay: float = 0.01
    max_delay: float = 1
    max_accept: int = 100
    stop_timeout: float = 1
    # The pause for a pool that does not say when it has room, in seconds.
    _retry: float = 0.05

    fatal_errors: tuple[int, ...] = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)

    _spawn: Callable[..., Any] | None = Greenlet.spawn
    handle: Callable[..., Any]
    socket: Any
    family: Any
    address: Any
    delay: float
    loop: Any

    def __init__(
        self, listener: Any, handle: Callable[..., Any] | None = None, spawn: Any = "default"
    ) -> None:
        self._stop_event = Event()
        self._stop_event.set()
        self._watcher: Any = None
        self._timer: Any = None
        self._resuming: Greenlet | None = None
        self._handle: Callable[..., Any] | None = None
        self.pool: Any = None
        # For statistics; see `greenrt.serve.BaseServer`.
        self._accepted = 0
        self._running = 0
        self._rejected: dict[str, int] = {}
        self._answered = [0] * 1000
        try:
            self.set_listener(listener)
            self.set_spawn(spawn)
            self.set_handle(handle)
            self.delay = self.min_delay
            self.loop = get_hub().loop
            if self.max_accept < 1:
                raise ValueError(f"max_accept must be at least 1, not {self.max_accept!r}")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "BaseServer":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # -- Settings

    def set_listener(self, listener: Any) -> None:
        """Set what the constructor's `listener` is: a socket or an address."""
        if hasattr(listener, "accept") or hasattr(listener, "recvfrom"):
            sock = adopt(listener)
            self.family = sock.family
            self.address = sock.getsockname()
            self.socket = sock
        else:
            self.family, self.address = parse_address(listener)

    def set_spawn(self, spawn: Any) -> None:
        """Choose where handlers run, as the constructor's `spawn` does."""
        self.pool = None
        if spawn == "default":
            self._spawn = self._spawn
        elif hasattr(spawn, "spawn"):
            self.pool = spawn
        elif isinstance(spawn, int):
            self.pool = Pool(spawn)
        else:
            self._spawn = spawn
        if self.pool is not None:
            self._spawn = self.pool.spawn
            if hasattr(self.pool, "full"):
                self.full = self.pool.full  # type: ignore[method-assign]

    def set_handle(self, handle: Callable[..., Any] | None) -> None:
        """Set the handler; None leaves the method of the class. Raise TypeError if the class has none."""
        if handle is not None:
            self.handle = handle
        if not hasattr(self, "handle"):
            raise TypeError(f"{type(self).__name__} has no handle; pass a function or define a method")
        self._handle = self.handle

    # -- Reading

    def start_accepting(self) -> None:
        """Let the loop call `do_read` from now on; the server has a socket already."""
        if self._watcher is None:
            self._watcher = self.loop.io(self.socket.fileno(), READ)
            self._watcher.start(self._do_read)

    def stop_accepting(self) -> None:
        """Read nothing more until `start_accepting` is called."""
        watcher, self._watcher = self._watcher, None
        timer, self._timer = self._timer, None
        for each in (watcher, timer):
            if each is not None:
                each.stop()
                each.close()
        resuming, self._resuming = self._resuming, None
        if resuming is not None and not resuming.dead:
            resuming.kill(block=False)

    def _start_accepting_if_started(self) -> None:
        if self.started:
            self.start_accepting()

    def full(self) -> bool:
        """Return whether the server must read nothing now; with a pool, whether the pool is full."""
        return False

    def do_read(self) -> Any:
        """Return the arguments of `handle` for a connection or datagram that has arrived, or None. Never wait."""
        raise NotImplementedError(
            f"{type(self).__name__} has no do_read; a subclass of BaseServer must define it"
        )

    def _do_read(self) -> None:
        """Read what has arrived, at most `max_accept` times; called in the hub."""
        for _ in range(self.max_accept):
            if self.full():
                self._wait_for_room()
                return
            try:
                args = self.do_read()
                self.delay = self.min_delay
            except BaseException as error:
                if isinstance(error, OSError) and error.errno in TRANSIENT:
                    # The peer has left before its connection was accepted.
                    continue
                self._report(self, error)
                if self.is_fatal_error(error):
                    self.close()
                    sys.stderr.write(f"ERROR: {self} failed with {str(error) or repr(error)}\n")
                else:
                    self._pause()
                return
            if not args:
                return
            self._accepted += 1
            try:
                self.do_handle(*args)
            except BaseException as error:
                self._report((args[1:], self), error)
                self._pause()
                return

    def _report(self, context: object, error: BaseException) -> None:
        get_hub().handle_error(context, type(error), error, error.__traceback__)

    def _pause(self) -> None:
        """Read again after `delay`, which doubles with each error in a row."""
        if self.delay >= 0:
            self.stop_accepting()
            self._start_accepting_in(self.delay)
            self.delay = min(self.max_delay, self.delay * 2)

    def _start_accepting_in(self, seconds: float) -> None:
        self._timer = self.loop.timer(seconds)
        self._timer.start(self._start_accepting_if_started)

    def _wait_for_room(self) -> None:
        """Read again when the pool has room. Without a pool, the program calls `start_accepting`."""
        self.stop_accepting()
        if hasattr(self.pool, "wait_available"):
            self._resuming = Greenlet.spawn(self._resume)
        elif self.pool is not None:
            self._start_accepting_in(self._retry)

    def _resume(self) -> None:
        self.pool.wait_available()
        self._resuming = None
        self._start_accepting_if_started()

    def is_fatal_error(self, error: BaseException) -> bool:
        """Return whether an error of `do_read` closes the server; its errno is in `fatal_errors` then."""
        return isinstance(error, OSError) and error.errno in self.fatal_errors

    # -- Handling

    def do_handle(self, *args: Any) -> None:
        """Run the handler where `spawn` says, and `do_close` afterwards."""
        try:
            if self._spawn is None:
                self._handle_in_hub(*args)
            else:
                self._spawn(self._handle_and_close, self._handle, *args)
        except BaseException:
            self.do_close(*args)
            raise

    def _handle_in_hub(self, *args: Any) -> None:
        try:
            self._handle_and_close(self._handle, *args)
        except BlockingInHub as error:
            raise BlockingInHub("Impossible to call blocking function in the event loop callback") from error

    def _handle_and_close(self, handle: Any, *args: Any) -> Any:
        self._running += 1
        try:
            return handle(*args)
        finally:
            self._running -= 1
            self.do_close(*args)

    def do_close(self, *args: Any) -> None:
        """Release the arguments of a handler that has returned. A StreamServer closes the connection."""

    # -- Life

    def init_socket(self) -> None:
        """Open the socket if the server has an address only; `start` calls it."""

    @property
    def started(self) -> bool:
        """Return whether the server has started and not stopped."""
        return not self._stop_event.is_set()

    @property
    def closed(self) -> bool:
        """Return whether the server has no socket."""
        return not hasattr(self, "socket")

    def start(self) -> None:
        """Open the socket if necessary and start to accept. Raise OSError if the address can't be bound."""
        self.init_socket()
        self._stop_event.clear()
        note_started(self)
        try:
            self.start_accepting()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the socket and accept nothing more; running handlers continue."""
        self._stop_event.set()
        try:
            self.stop_accepting()
        finally:
            sock = self.__dict__.pop("socket", None)
            if sock is not None:
                sock.close()

    def stop(self, timeout: float | None = None) -> None:
        """Close the socket and, if the server has a pool, wait for the handlers.

        Handlers in the pool that run after `timeout` seconds are killed; None means `stop_timeout`. Without a pool,
        running handlers continue.
        """
        self.close()
        if timeout is None:
            timeout = self.stop_timeout
        if self.pool:
            self.pool.join(timeout=timeout)
            self.pool.kill(block=True, timeout=1)

    def serve_forever(self, stop_timeout: float | None = None) -> None:
        """Start unless the server has started, and wait until it is stopped; `stop_timeout` is in seconds."""
        if not self.started:
            self.start()
        try:
            self._stop_event.wait()
        finally:
            Greenlet.spawn(self.stop, timeout=stop_timeout).join()

    # -- Description

    @property
    def server_host(self) -> str | None:
        """Return the host that the server listens on, or None for a Unix socket."""
        return self.address[0] if isinstance(self.address, tuple) else None

    @property
    def server_port(self) -> int | None:
        """Return the port that the server listens on, or None for a Unix socket."""
        return self.address[1] if isinstance(self.address, tuple) else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x} {self._formatinfo()}>"

    def __str__(self) -> str:
        return f"<{type(self).__name__} {self._formatinfo()}>"

    def _formatinfo(self) -> str:
        """Return the descriptor, the address and the handler for `repr`."""
        parts = []
        if not self.closed:
            parts.append(f"fileno={self.socket.fileno()}")
        address = getattr(self, "address", None)
        named = isinstance(address, tuple) and len(address) == 2
        parts.append(f"address={address[0]}:{address[1]}" if named and address else f"address={address}")
        handle = self.__dict__.get("handle")
        if handle is not None:
            # The repr of a method of this server would contain the server's repr, and so on.
            own = getattr(handle, "__self__", None) is self
            name = f"<bound method {type(self).__name__}.{handle.__name__} of self>" if own else repr(handle)
            parts.append(f"handle={name}")
        return " ".join(parts)


def parse_address(address: Any) -> tuple[Any, Any]:
    """Return ``(family, address)`` for ``(host, port)``, ``"host:port"``, ``"[::1]:port"`` or a port.

    An empty host means all addresses, of IPv6 and IPv4. Raise TypeError for another type and ValueError for a text
    that is no address.
    """
    if isinstance(address, tuple):
        family = socket.AF_INET6 if not address[0] or ":" in address[0] else socket.AF_INET
        return family, address
    try:
        if isinstance(address, int) or (isinstance(address, str) and ":" not in address):
            return socket.AF_INET6, ("", int(address))
        if not isinstance(address, str):
            raise TypeError(f"the address must be a tuple, a str or a port, not {address!r}")
        host, _, port = address.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            return socket.AF_INET6, (host[1:-1], int(port))
        return (socket.AF_INET6 if not host else socket.AF_INET), ("" if host == "*" else host, int(port))
    except ValueError as error:
        raise ValueError(f"Failed to parse address {address!r}: {error}") from None
