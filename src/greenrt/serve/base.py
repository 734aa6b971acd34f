"""The base class of servers: a socket, a greenlet that accepts from it, handlers and a graceful stop."""

import errno
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from weakref import WeakSet

from greenlet import getcurrent

from greenrt import _log
from greenrt._hub.current_hub import get_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.raw_greenlet import spawn_raw
from greenrt._hub.sleep import sleep
from greenrt._native.thread import monotonic
from greenrt._typing import Any, ClassVar, Literal
from greenrt.green.socket import AF_UNIX
from greenrt.serve.checks import check_callable, check_class, check_flag, check_seconds, check_whole
from greenrt.serve.fd_reserve import is_crowded
from greenrt.serve.listeners import Listener, adopt, parse_address
from greenrt.serve.socket_file import SocketFile
from greenrt.sync.event import Event
from greenrt.sync.group import Group
from greenrt.sync.pool import Pool

__all__ = ["BaseServer", "Spawn", "all_servers", "note_started"]

# What the argument `spawn` of servers can be; see `BaseServer`.
Spawn = Literal["default", "raw"] | int | Group | Callable[..., object] | None

# The peer left before its connection was accepted; accept(2) says to treat these errors like EAGAIN.
TRANSIENT = frozenset(
    (
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EINTR,
        errno.ENETDOWN,
        errno.EPROTO,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EOPNOTSUPP,
        errno.ENETUNREACH,
        errno.EPERM,
    )
)
# The system has run out of descriptors or memory for now.
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS))

# All servers that were started and still exist.
_started: "WeakSet[Any]" = WeakSet()


def all_servers() -> "list[Any]":
    """Return all servers that were started and still exist. Any thread may call this."""
    return list(_started)


def note_started(server: Any) -> None:
    """Add a server to `all_servers`. It has the attributes of a `BaseServer` that statistics read."""
    _started.add(server)


class BaseServer:
    """Accept connections or datagrams and call `handle` for each. gevent has a class of the same name.

    - `listener`: ``(host, port)``, a port, ``"host:port"``, ``":port"``, ``"unix:/path"``, ``"fd:3"`` (an inherited
      socket), or a socket object, which the server closes when it stops. No host means all IPv4 addresses; ``"::"``
      means IPv6 and IPv4 at once.
    - `handle`: the function that is called for each connection or datagram. A subclass may define it as a method.
    - `spawn`: where a handler runs. ``"default"``: in a greenlet each. A number: in a Pool of that size; while it is
      full, the server accepts no more. A Pool, a Group, or any callable like `greenrt.spawn`: in what that starts.
      None: in the greenlet that accepts.
    - `reuse_port`: True lets other processes listen on the same port; the kernel spreads connections and datagrams
      among them (SO_REUSEPORT, socket(7)).
    - `stop_timeout`: how long `stop` waits for handlers, in seconds (1; `WSGIServer`: 30).
    - `min_delay`, `max_delay`: how long to wait after the system ran out of descriptors or memory, in seconds. The
      delay doubles from one to the other (0.01 to 0.5).
    - `max_accept`: how many connections or datagrams to accept before handlers get to run (100).

    An option that is None has the value of the class attribute of its name, in parentheses above. A subclass may
    define these attributes, as in gevent.

    `socket` is the listening socket, or None while the server has none (see `closed`). `address` is the address it
    listens on, and `family` the address family. `pool` is the Pool or Group that `spawn` named, or None.

    An exception of a handler is reported and the server continues; SystemExit and KeyboardInterrupt are raised in the
    main greenlet. The constructor raises TypeError or ValueError, which names the argument, for an invalid argument,
    and OSError for a file descriptor that is no socket. Call all methods from the native thread that starts the
    server.
    """

    # The class attributes of the constructor's options.
    stop_timeout: float = 1.0
    min_delay: float = 0.01
    max_delay: float = 0.5
    handle: Callable[..., object] | None = None
    max_accept: int = 100
    reuse_port: bool = False

    # Settings that have no effect here, with what to use instead; a subclass that defines one is refused. Some are
    # gevent's.
    _replaced: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "reuse_addr": "a socket of your own as the listener; the server's sockets have SO_REUSEADDR",
            "fatal_errors": "max_delay, the longest pause after an error",
        }
    )

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_class(cls, cls._replaced)

    def __init__(
        self,
        listener: Listener,
        handle: Callable[..., object] | None = None,
        spawn: Spawn = "default",
        *,
        reuse_port: bool | None = None,
        stop_timeout: float | None = None,
        min_delay: float | None = None,
        max_delay: float | None = None,
        max_accept: int | None = None,
    ) -> None:
        self._set_options(
            handle=handle,
            reuse_port=reuse_port,
            stop_timeout=stop_timeout,
            min_delay=min_delay,
            max_delay=max_delay,
            max_accept=max_accept,
        )
        self._given: Any = None
        self.socket: Any = None
        # The file of a Unix socket that this server has bound; `close` removes it.
        self.socket_file: SocketFile | None = None
        self._accepting: Greenlet | None = None
        # Whether the last accepted connection has a descriptor of the reserve.
        self._crowded = False
        # The number of running handlers; counted only by servers whose handlers hold descriptors.
        self._running = 0
        # For statistics: how many connections or datagrams it has accepted, how many it has rejected for each reason,
        # and how many responses with each status code it has begun to send.
        self._accepted = 0
        self._rejected: dict[str, int] = {}
        self._answered = [0] * 1000
        # Whether a handler runs in the greenlet that accepts.
        self._inside = False
        self._stopped = Event()
        self._stopped.set()
        self.pool: Group | None = None
        self._spawn: Callable[..., Any] | None = None
        # The group of the handlers if the user gave nothing that can be waited for.
        self._own = Group()
        self._check_settings()
        self.set_spawn(spawn)
        adopted = adopt(listener)
        if adopted is not None:
            if self.reuse_port:
                raise TypeError(
                    f"reuse_port must be set before {adopted!r} is bound, but it is bound already; "
                    "set SO_REUSEPORT on it, or give an address"
                )
            self.socket = adopted
            self.family: Any = adopted.family
            self.address: Any = adopted.getsockname()
        else:
            self.family, self.address = parse_address(listener)
            self._given = self.address

    def _set_options(self, **options: Any) -> None:
        """Set the attributes for the options that are given; None leaves the class's value."""
        for name, value in options.items():
            if value is not None:
                setattr(self, name, value)

    def _check_settings(self) -> None:
        """Raise TypeError or ValueError for an invalid setting, be it an argument or an attribute of the class."""
        check_callable("handle", self.handle)
        check_flag("reuse_port", self.reuse_port)
        check_seconds("stop_timeout", self.stop_timeout, zero=True, optional=False)
        check_seconds("min_delay", self.min_delay, optional=False)
        check_seconds("max_delay", self.max_delay, optional=False)
        check_whole("max_accept", self.max_accept, 1, optional=False)

    def set_spawn(self, spawn: Spawn) -> None:
        """Choose where handlers run, as the constructor's `spawn` does. The method is gevent's."""
        if spawn == "default":
            self._spawn = self._own.spawn
        elif spawn is None:
            self._spawn = None
        elif spawn == "raw":
            self._spawn = spawn_raw
        elif isinstance(spawn, int) and not isinstance(spawn, bool):
            check_whole("spawn", spawn, 1)
            self.pool = Pool(spawn)
            self._spawn = self.pool.spawn
        elif callable(getattr(spawn, "spawn", None)):
            pool: Any = spawn
            self.pool = pool
            self._spawn = pool.spawn
        elif callable(spawn):
            self._spawn = spawn
        else:
            raise TypeError(
                f"spawn must be 'default', 'raw', None, a number, a pool or a callable, not {spawn!r}"
            )

    def set_handle(self, handle: Callable[..., object]) -> None:
        """Set the handler, as the constructor's `handle` does. The method is gevent's.

        Raise TypeError unless `handle` is callable.
        """
        check_callable("handle", handle)
        self.handle = handle

    # -- Addresses

    @property
    def server_host(self) -> str | None:
        """Return the host that the server listens on, a str, or None for a Unix socket."""
        return self.address[0] if isinstance(self.address, tuple) else None

    @property
    def server_port(self) -> int | None:
        """Return the port that the server listens on, or None for a Unix socket.

        Port 0 becomes the real port in `start`.
        """
        return self.address[1] if isinstance(self.address, tuple) else None

    # -- Life

    @property
    def started(self) -> bool:
        """Return whether the server accepts connections or datagrams."""
        return self._accepting is not None and not self._accepting.ready()

    @property
    def closed(self) -> bool:
        """Return whether the server has no socket: it has not started yet, or it has stopped."""
        return self.socket is None

    def start(self) -> None:
        """Open the socket, start to accept, and return at once.

        Raise OSError if the address can't be bound, AssertionError if the server has started already, and TypeError
        if it has no `handle`.
        """
        if self.started:
            raise AssertionError(f"{self!r} is started already; stop it before you start it again")
        if self.handle is None:
            raise TypeError(
                f"{self!r} has no handle; give it a function to call for each connection or datagram"
            )
        if self.socket is None:
            self.socket = self._open(self.family, self._given)
            self.address = self.socket.getsockname()
            if self.family == AF_UNIX and not self._given.startswith("\0"):
                with suppress(FileNotFoundError):
                    # The file is missing if another program has removed it.
                    self.socket_file = SocketFile(self._given)
        self._stopped.clear()
        note_started(self)
        self._accepting = Greenlet.spawn(self._accept_forever)

    def serve_forever(self, stop_timeout: float | None = None) -> None:
        """Start unless the server has started, and wait until `stop` is called; `stop_timeout` is in seconds."""
        check_seconds("stop_timeout", stop_timeout, zero=True)
        if not self.started:
            self.start()
        try:
            self._stopped.wait()
        finally:
            Greenlet.spawn(self.stop, timeout=stop_timeout).join()

    def close(self) -> None:
        """Stop accepting and close the socket; running handlers continue."""
        self._stop_accepting()
        sock, self.socket = self.socket, None
        self._stopped.set()
        file, self.socket_file = self.socket_file, None
        if file is not None:
            file.remove()
        if sock is not None:
            sock.close()

    def _stop_accepting(self) -> Greenlet | None:
        """End the greenlet that accepts; return it if it runs a handler, after which it ends."""
        accepting, self._accepting = self._accepting, None
        if accepting is None or self._inside:
            return accepting
        accepting.kill(block=False)
        return None

    def stop(self, timeout: float | None = None) -> None:
        """Finish the requests received so far, then close.

        The server accepts the connections that wait in the kernel, because closing the socket would reset them. It
        closes the socket, waits for the handlers, and kills those left after `timeout` seconds; None means
        `stop_timeout`.
        """
        check_seconds("timeout", timeout, zero=True)
        deadline = monotonic() + (self.stop_timeout if timeout is None else timeout)
        taking = Group()
        accepting = self._stop_accepting()
        if accepting is not None and accepting is not getcurrent():
            taking.add(accepting)
        self._wind_down()
        if self.socket is not None:
            # This needs a greenlet of its own: if `spawn` is None, it runs the handlers.
            taking.spawn(self._accept_rest, self.socket, deadline).join(timeout=deadline - monotonic())
        self.close()
        groups: list[Any] = [taking, *(group for group in (self.pool, self._own) if hasattr(group, "join"))]
        for group in groups:
            group.join(timeout=max(0.0, deadline - monotonic()))
        for group in groups:
            group.kill(block=True, timeout=1)

    def __enter__(self) -> "BaseServer":
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # -- For subclasses

    def _open(self, family: Any, address: Any) -> Any:
        """Return the socket that the server accepts from."""
        raise NotImplementedError

    def _accept(self, sock: Any) -> tuple[Any, Any]:
        """Wait for one connection or datagram; return it with the address of its sender. Raise OSError on failure."""
        raise NotImplementedError

    def _discard(self, taken: Any) -> None:
        """Release the connection that `_accept` returned."""

    def _wind_down(self) -> None:
        """Let handlers know that the server stops."""

    def _accept_forever(self) -> None:
        sock = self.socket
        delay = self.min_delay
        burst = 0
        while self._accepting is not None and self.socket is sock:
            if self.pool is not None:
                # A client that is not accepted stays in the kernel's queue, or another process accepts it.
                self.pool.wait_available()
            try:
                taken, address = self._accept(sock)
            except OSError as error:
                if self.socket is not sock:
                    return
                if error.errno in EXHAUSTED:
                    _log.warn("%r can't accept: %s; again in %.2f s", self, error, delay)
                    sleep(delay)
                    delay = min(delay * 2, self.max_delay)
                elif error.errno not in TRANSIENT:
                    raise
                continue
            delay = self.min_delay
            if self.socket is not sock:
                # The server was closed after the wait had ended.
                self._discard(taken)
                return
            if self._accepting is None:
                # `stop` has killed this greenlet, and the kill takes effect at its next switch. The handler must not
                # be hit by it.
                self._own.spawn(self._dispatch, taken, address)
                return
            self._dispatch(taken, address)
            if self._crowded:
                self._wait_for_room(sock)
            # If more were waiting, there was no switch so far, and handlers need one.
            burst += 1
            if burst >= self.max_accept:
                burst = 0
                sleep(0)
            del taken

    def _wait_for_room(self, sock: Any) -> None:
        """Accept nothing while the process has only the reserve of descriptors left.

        If no handler of this server runs, other code holds the descriptors. The server then serves one connection at
        a time.
        """
        self._crowded = False
        warned = False
        delay = self.min_delay
        while self.socket is sock and is_crowded(sock.fileno()):
            if self._running and not warned:
                warned = True
                _log.warn(
                    "%r accepts nothing: the rest of RLIMIT_NOFILE is reserved for the application", self
                )
            # The handler of the last connection starts during this sleep.
            sleep(delay)
            if not self._running:
                return
            delay = min(delay * 2, self.max_delay)

    def _accept_rest(self, sock: Any, deadline: float) -> None:
        """Accept what waits in the kernel, until `deadline` at the latest, with `spawn` as it is."""
        sock.settimeout(0.0)
        while True:
            if self.pool is not None and not self.pool.wait_available(max(0.0, deadline - monotonic())):
                return
            try:
                taken, address = self._accept(sock)
            except OSError as error:
                if error.errno in TRANSIENT:
                    continue
                # On EAGAIN the queue is empty: the socket closes before another client connects. Without free
                # descriptors, nothing can be done for waiting clients.
                self.close()
                return
            self._dispatch(taken, address)
            if monotonic() >= deadline:
                return

    def _dispatch(self, taken: Any, address: Any) -> None:
        try:
            self.do_handle(taken, address)
        except BaseException:
            self._discard(taken)
            raise

    def do_handle(self, *args: object) -> None:
        """Run the handler where `spawn` says."""
        self._accepted += 1
        if self._spawn is not None:
            self._spawn(self._run_handler, *args)
            return
        self._inside = True
        try:
            self._run_handler(*args)
        finally:
            self._inside = False

    def _run_handler(self, *args: Any) -> None:
        raise NotImplementedError

    def _reject(self, reason: str) -> None:
        """Count a connection or a request that is not served."""
        self._rejected[reason] = self._rejected.get(reason, 0) + 1

    def _report(self) -> None:
        """Report the exception of a handler; the hub raises SystemExit in the main greenlet.

        The exception is not raised again. The main greenlet would get it twice, the second time during its cleanup.
        And if handlers run in the greenlet that accepts, even a Timeout would end the server.
        """
        import sys

        error = sys.exception()
        assert error is not None
        get_hub()._report_error(self, error)

    def __repr__(self) -> str:
        state = "started" if self.started else "closed" if self.closed else "open"
        # The repr of a method of this server would contain the server's repr, and so on.
        own = getattr(self.handle, "__self__", None) is self
        handle = getattr(self.handle, "__name__", "") if own else repr(self.handle)
        return f"<{type(self).__name__} at {id(self):#x} {state} {self.address!r} handle={handle}>"
