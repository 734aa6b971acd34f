"""What servers have in common: a socket, a greenlet that takes from it, handlers, and a graceful end."""

import errno
from collections.abc import Callable
from contextlib import suppress
from types import MappingProxyType

from greenlet import getcurrent

from greenrt import _log
from greenrt._hub.current_hub import get_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.raw_greenlet import spawn_raw
from greenrt._hub.sleep import sleep
from greenrt._native.thread import monotonic
from greenrt._typing import Any
from greenrt.green.socket import AF_UNIX
from greenrt.serve.checks import check_callable, check_class, check_flag, check_seconds, check_whole
from greenrt.serve.fd_reserve import is_crowded
from greenrt.serve.listeners import adopt, parse_address
from greenrt.serve.socket_file import SocketFile
from greenrt.sync.event import Event
from greenrt.sync.group import Group
from greenrt.sync.pool import Pool

__all__ = ["BaseServer"]

# The peer was gone before it was taken in; accept(2) says to treat these like EAGAIN.
PASSING = frozenset(
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
# The system has no more to give for now.
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS))


class BaseServer:
    """A server that calls `handle` for whatever comes in. gevent's class of the same name.

    `listener`: ``(host, port)``, a port, ``"host:port"``, ``":port"``, ``"unix:/path"``, ``"fd:3"`` (a socket that
    was inherited), or a socket, which the server closes at its end. No host means all IPv4 addresses, ``"::"`` IPv6
    and IPv4 at once. With `reuse_port` other processes may listen on the same port, and the kernel spreads what comes
    in among them (SO_REUSEPORT, socket(7)).

    `spawn` says in what a handler runs: ``"default"`` (a greenlet each), a number (a Pool of that size: no more is
    taken in while it is full), a Pool or Group, any callable like `greenrt.spawn`, or None (in the greenlet that
    accepts).

    What a handler raises is reported, and the server goes on; SystemExit and KeyboardInterrupt come to the main
    greenlet. TypeError and ValueError for arguments that can't be, OSError for an fd that is no socket. All methods
    are for the native thread that starts the server.
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
    reuse_port: bool = False

    # Attributes that are set otherwise, and how; a subclass that defines one is refused.
    _settled: Any = MappingProxyType({})

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_class(cls, cls._settled)

    def __init__(
        self,
        listener: Any,
        handle: Callable[..., Any] | None = None,
        spawn: Any = "default",
        *,
        reuse_port: bool | None = None,
    ) -> None:
        self._given: Any = None
        self.socket: Any = None
        # The file of a Unix socket that this server has bound, which `close` removes.
        self.socket_file: SocketFile | None = None
        if reuse_port is not None:
            self.reuse_port = reuse_port
        self._accepting: Greenlet | None = None
        # Whether what was taken in last has a descriptor of the reserve.
        self._crowded = False
        # How many handlers run; kept only by servers whose handlers hold descriptors.
        self._running = 0
        # Whether a handler runs in the greenlet that accepts.
        self._inside = False
        self._stopped = Event()
        self._stopped.set()
        self.pool: Any = None
        self._spawn: Callable[..., Any] | None = None
        # What handlers run in where the user gave nothing that could be waited for.
        self._own = Group()
        if handle is not None:
            self.handle = handle
        self._check_settings()
        self.set_spawn(spawn)
        adopted = adopt(listener)
        if adopted is not None:
            if self.reuse_port:
                raise TypeError(
                    f"reuse_port must be set before {adopted!r} is bound, and it is; set SO_REUSEPORT there, "
                    "or give an address"
                )
            self.socket = adopted
            self.family = adopted.family
            self.address = adopted.getsockname()
        else:
            self.family, self.address = parse_address(listener)
            self._given = self.address

    def _check_settings(self) -> None:
        """TypeError and ValueError for a setting that can't be, be it an argument or an attribute of the class."""
        check_callable("handle", self.handle)
        check_flag("reuse_port", self.reuse_port)
        check_seconds("stop_timeout", self.stop_timeout, zero=True, optional=False)
        check_seconds("min_delay", self.min_delay, optional=False)
        check_seconds("max_delay", self.max_delay, optional=False)
        check_whole("max_accept", self.max_accept, 1, optional=False)

    def set_spawn(self, spawn: Any) -> None:
        """Choose what handlers run in; see the class."""
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
            if self.family == AF_UNIX and not self._given.startswith("\0"):
                with suppress(FileNotFoundError):
                    # Gone already, if another program has removed it.
                    self.socket_file = SocketFile(self._given)
        self._stopped.clear()
        self._accepting = Greenlet.spawn(self._accept_forever)

    def serve_forever(self, stop_timeout: float | None = None) -> None:
        """Start, unless started, and wait for a call of `stop`."""
        if not self.started:
            self.start()
        try:
            self._stopped.wait()
        finally:
            Greenlet.spawn(self.stop, timeout=stop_timeout).join()

    def close(self) -> None:
        """Take in no more and close the socket; handlers go on."""
        self._take_no_more()
        sock, self.socket = self.socket, None
        self._stopped.set()
        file, self.socket_file = self.socket_file, None
        if file is not None:
            file.remove()
        if sock is not None:
            sock.close()

    def _take_no_more(self) -> Greenlet | None:
        """End the greenlet that accepts; return it if it is in a handler, after which it ends."""
        accepting, self._accepting = self._accepting, None
        if accepting is None or self._inside:
            return accepting
        accepting.kill(block=False)
        return None

    def stop(self, timeout: float | None = None) -> None:
        """Take in what has come, close, wait for the handlers, and kill those left after `timeout` seconds.

        None: `stop_timeout`. What waits in the kernel is taken in first: closing the socket would reset it.
        """
        deadline = monotonic() + (self.stop_timeout if timeout is None else timeout)
        taking = Group()
        accepting = self._take_no_more()
        if accepting is not None and accepting is not getcurrent():
            taking.add(accepting)
        self._wind_down()
        if self.socket is not None:
            # In a greenlet of its own, since with `spawn` as None it runs the handlers.
            taking.spawn(self._take_rest, self.socket, deadline).join(timeout=deadline - monotonic())
        self.close()
        groups = [taking, *(group for group in (self.pool, self._own) if hasattr(group, "join"))]
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
        """Return the socket that the server takes from."""
        raise NotImplementedError

    def _take(self, sock: Any) -> tuple[Any, Any]:
        """Wait for one connection or datagram and return it with its sender's address. OSError."""
        raise NotImplementedError

    def _drop(self, taken: Any) -> None:
        """Undo what `_take` did."""

    def _wind_down(self) -> None:
        """Tell handlers that the server stops."""

    def _accept_forever(self) -> None:
        sock = self.socket
        delay = self.min_delay
        burst = 0
        while self._accepting is not None and self.socket is sock:
            if self.pool is not None:
                # A client that is not accepted waits in the kernel, or another process accepts it.
                self.pool.wait_available()
            try:
                taken, address = self._take(sock)
            except OSError as error:
                if self.socket is not sock:
                    return
                if error.errno in EXHAUSTED:
                    _log.warn("%r can't accept: %s; again in %.2f s", self, error, delay)
                    sleep(delay)
                    delay = min(delay * 2, self.max_delay)
                elif error.errno not in PASSING:
                    raise
                continue
            delay = self.min_delay
            if self.socket is not sock:
                # Closed; the news came too late to stop this.
                self._drop(taken)
                return
            if self._accepting is None:
                # `stop` has killed this greenlet, which ends at its next switch. That must not be the handler's.
                self._own.spawn(self._hand_on, taken, address)
                return
            self._hand_on(taken, address)
            if self._crowded:
                self._wait_for_room(sock)
            # More may have been waiting, and there was no switch then.
            burst += 1
            if burst >= self.max_accept:
                burst = 0
                sleep(0)
            del taken

    def _wait_for_room(self, sock: Any) -> None:
        """Take nothing in while the process has only the reserve of descriptors left.

        Where no handler of this server runs, the descriptors are not its own: it serves one connection at a time.
        """
        self._crowded = False
        warned = False
        delay = self.min_delay
        while self.socket is sock and is_crowded(sock.fileno()):
            if self._running and not warned:
                warned = True
                _log.warn("%r takes nothing in: the rest of RLIMIT_NOFILE is for the application", self)
            # Also the time in which the handler of the last connection begins.
            sleep(delay)
            if not self._running:
                return
            delay = min(delay * 2, self.max_delay)

    def _take_rest(self, sock: Any, deadline: float) -> None:
        """Take in what waits in the kernel; no longer than until `deadline`, with `spawn` as it is."""
        sock.settimeout(0.0)
        while True:
            if self.pool is not None and not self.pool.wait_available(max(0.0, deadline - monotonic())):
                return
            try:
                taken, address = self._take(sock)
            except OSError as error:
                if error.errno in PASSING:
                    continue
                # EAGAIN: that was all. Or there are no fds; then nothing can be done for waiting clients.
                return
            self._hand_on(taken, address)
            if monotonic() >= deadline:
                return

    def _hand_on(self, taken: Any, address: Any) -> None:
        try:
            self.do_handle(taken, address)
        except BaseException:
            self._drop(taken)
            raise

    def do_handle(self, *args: Any) -> None:
        """Run the handler in what `spawn` says."""
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

    def _report(self) -> None:
        """Report the error of a handler; the server goes on. SystemExit goes to the main greenlet, as the hub says.

        Nothing is raised again: it would come to the main greenlet twice, the second time amid its cleaning up; and
        where handlers run in the greenlet that accepts, even a Timeout would end the server.
        """
        import sys

        error = sys.exception()
        assert error is not None
        get_hub().report_error(self, error)

    def __repr__(self) -> str:
        state = "started" if self.started else "closed" if self.closed else "open"
        # The repr of a method of this very server would show the server, and so on.
        own = getattr(self.handle, "__self__", None) is self
        handle = self.handle.__name__ if own else repr(self.handle)
        return f"<{type(self).__name__} at {id(self):#x} {state} {self.address!r} handle={handle}>"
