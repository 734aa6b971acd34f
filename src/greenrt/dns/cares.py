"""One c-ares channel on one event loop. Its answers arrive in the loop's thread.

c-ares sends, repeats, checks and parses; this module decides when to call it. Only this module calls c-ares, in the
loop's thread. The callbacks of c-ares only record events; `_settle` handles them after each call to c-ares.

`_make` sets options of c-ares that pycares does not offer: one UDP socket, and so one source port, for each query (on
a shared socket, a single malformed datagram fails all queries); no cache unless requested; random letter case of
names as a second secret (DNS 0x20).
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from greenrt import _original
from greenrt._events import READ, WRITE
from greenrt._loop.loop import Loop
from greenrt._typing import Any
from greenrt.dns.read_budget import RECEIVE_BUFFER, ReadBudget

__all__ = ["TYPES", "Channel", "Settings"]

# Types of records by name, as in pycares (RFC 1035 and its successors).
TYPES = {
    "A": 1,
    "NS": 2,
    "CNAME": 5,
    "SOA": 6,
    "PTR": 12,
    "MX": 15,
    "TXT": 16,
    "AAAA": 28,
    "SRV": 33,
    "NAPTR": 35,
    "TLSA": 52,
    "HTTPS": 65,
    "URI": 256,
    "CAA": 257,
}

# The types whose data is one text, and the name of that attribute in pycares.
PLAIN = {1: "addr", 2: "nsdname", 5: "cname", 12: "dname", 28: "addr"}

# Constants of ares.h that pycares does not export.
_FLAG_DNS0X20 = 1 << 10
_OPT_NOROTATE = 1 << 16
_OPT_UDP_MAX_QUERIES = 1 << 19
_OPT_MAXTIMEOUTMS = 1 << 20
_OPT_QUERY_CACHE = 1 << 21

# How long a cached answer is used at most (seconds).
CACHE_TTL = 3600

# c-ares never repeats a query sooner than this (seconds), so its timeouts are checked at this interval.
TICK = 0.25

_ENOMEM = 15


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a channel.

    servers: address, address:port or [address]:port. timeout: seconds for each attempt. attempts: how often each
    server is queried. rotate: whether each query starts with the next server. use_vc: whether queries use TCP only.
    cache: whether answers are cached.
    """

    servers: tuple[str, ...] = ("127.0.0.1",)
    timeout: float = 5.0
    attempts: int = 2
    rotate: bool = False
    use_vc: bool = False
    cache: bool = False

    def budget(self) -> float:
        """Return the seconds after which c-ares has certainly given up a query."""
        return self.timeout * self.attempts * max(1, len(self.servers))


class Channel:
    """A c-ares channel on `loop`. Only the loop's thread may use it, except for `abandon`.

    `answered` is called as ``answered(token, records, error)``, once for each `ask`, and never from inside c-ares.
    It gets either the records of the answer and None, or None and a number of `pycares.errno`. A record is a
    `message.Record`, but the data of types other than an address or a name is an object of pycares.
    """

    def __init__(
        self, loop: Loop, settings: Settings, answered: Callable[[Any, Any, int | None], object]
    ) -> None:
        self.settings = settings
        self._loop = loop
        self._answered = answered
        self._asked: set[Any] = set()
        # Recorded events: answers, and the sockets that c-ares wants to read and write.
        self._arrived: list[tuple[Any, Any, int | None]] = []
        self._changes: list[tuple[int, bool, bool]] = []
        self._watchers: dict[int, Any] = {}
        self._budgets: dict[int, ReadBudget] = {}
        self._timer: Any = None
        changes = self._changes
        self._ares = _make(settings, lambda fd, r, w: changes.append((fd, r, w)))

    def __len__(self) -> int:
        """Return how many questions are unanswered."""
        return len(self._asked)

    def ask(self, token: Any, name: str, rtype: str) -> None:
        """Query the records of an absolute ASCII name; `answered` is called, perhaps before this method returns."""
        self._asked.add(token)
        # The callback refers only to this list: code called from inside c-ares must only be able to record events.
        arrived = self._arrived
        try:
            self._ares.query(
                name, TYPES[rtype], callback=lambda result, error: arrived.append((token, result, error))
            )
        except Exception as error:
            # c-ares reports a bad name twice: to the callback, and by this exception.
            number = error.args[0] if error.args and isinstance(error.args[0], int) else _ENOMEM
            self._arrived.append((token, None, number))
        if self._timer is None:
            self._start_timer()
        self._settle()

    def cancel(self) -> None:
        """End all unanswered questions with ECANCELLED."""
        self._ares.cancel()
        self._settle()

    def close(self) -> None:
        """End all unanswered questions, and free the channel's resources; idempotent."""
        ares, self._ares = self._ares, None
        if ares is None:
            return
        ares.cancel()
        _destroy(ares)
        self._settle()
        self._stop_timer()

    def abandon(self) -> set[Any]:
        """Free everything in the child of a fork; return the tokens of the unanswered questions.

        c-ares is not called: the parent uses the same sockets, and a thread that no longer exists may hold its lock.
        """
        import pycares

        asked, self._asked = self._asked, set()
        ares, self._ares = self._ares, None
        if ares is None:
            return asked
        # The finalizer of the pycares object then does nothing.
        ares._channel = None
        for handle in [handle for handle, owner in pycares._handle_to_channel.items() if owner is ares]:
            del pycares._handle_to_channel[handle]
        # The loop may still share its epoll instance with the parent, so nothing is removed from that.
        for fd, watcher in self._watchers.items():
            watcher.close()
            _original.close(fd)
        self._watchers.clear()
        self._budgets.clear()
        self._changes.clear()
        self._arrived.clear()
        self._stop_timer()
        return asked

    def __del__(self) -> None:
        ares = getattr(self, "_ares", None)
        if ares is not None and not sys.is_finalizing():
            # No query is in flight: its watchers would keep this object alive.
            _destroy(ares)

    # -- Events

    def _ready(self, events: int, fd: int) -> None:
        budget = self._budgets[fd]
        if events & READ and not budget.spend():
            # c-ares closes the socket when the socket's questions time out.
            self._watchers[fd].stop()
            budget.cut_off()
            return
        self._ares.process_fd(fd if events & READ else -1, fd if events & WRITE else -1)
        if self._arrived:
            budget.refill()
        self._settle()

    def _tick(self) -> None:
        self._timer = None
        if not self._asked:
            return
        self._ares.process_fd(-1, -1)
        self._start_timer()
        self._settle()

    def _start_timer(self) -> None:
        # Without a limit, timeout() returns 0.0 for both "now" and "never".
        wait = self._ares.timeout(min(TICK, self.settings.timeout))
        self._timer = self._loop.timer(max(wait, 0.001))
        self._timer.start(self._tick)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.close()

    def _settle(self) -> None:
        """Handle the events that c-ares recorded, now that it is idle."""
        if self._changes:
            self._follow_sockets()
        while self._arrived:
            notes = self._arrived[:]
            del self._arrived[: len(notes)]
            for token, result, error in notes:
                if token in self._asked:
                    self._asked.remove(token)
                    self._answered(token, None if result is None else _records(result), error)
        if not self._asked:
            self._stop_timer()

    def _follow_sockets(self) -> None:
        changes = self._changes[:]
        del self._changes[: len(changes)]
        # Within one call, a descriptor may have been closed and its number reused.
        wanted = {}
        for fd, readable, writable in changes:
            if fd in self._watchers and not readable and not writable:
                self._watchers.pop(fd).close()
                del self._budgets[fd]
                self._loop.fds.forget(fd)
            wanted[fd] = (READ if readable else 0) | (WRITE if writable else 0)
        for fd, events in wanted.items():
            watcher = self._watchers.get(fd)
            if not events or (watcher is not None and watcher.events == events):
                continue
            if watcher is None:
                self._budgets[fd] = ReadBudget(fd)
            else:
                watcher.close()
            watcher = self._watchers[fd] = self._loop.io(fd, events)
            watcher.start(self._ready, fd, pass_events=True)


def _records(result: Any) -> list[tuple[str, int, int, Any]]:
    return [
        (
            str(record.name),
            record.type,
            record.ttl,
            getattr(record.data, PLAIN[record.type]) if record.type in PLAIN else record.data,
        )
        for record in result.answer
        if record.record_class == 1
    ]


def _make(settings: Settings, on_socket: Callable[[int, bool, bool], object]) -> Any:
    """Return a pycares.Channel with options of c-ares that its constructor does not accept."""
    # Imported on first use: the import takes long.
    import pycares
    from pycares import _ffi, _lib

    ares = pycares.Channel.__new__(pycares.Channel)
    ares._channel = None
    # No thread ever waits for this lock: one thread uses the channel. threading.RLock may be patched.
    ares._lock = _original.RLock()
    ares._flags = _lib.ARES_FLAG_EDNS | _FLAG_DNS0X20 | (_lib.ARES_FLAG_USEVC if settings.use_vc else 0)
    ares._sock_state_cb_handle = _ffi.new_handle(on_socket)
    options = _ffi.new("struct ares_options *")
    options.flags = ares._flags
    options.timeout = options.maxtimeout = max(1, int(settings.timeout * 1000))
    options.tries = settings.attempts
    options.sock_state_cb = _lib._sock_state_cb
    options.sock_state_cb_data = ares._sock_state_cb_handle
    options.udp_max_queries = 1
    options.socket_receive_buffer_size = RECEIVE_BUFFER
    options.qcache_max_ttl = CACHE_TTL if settings.cache else 0
    # c-ares reads neither the hosts file nor resolv.conf; other modules do.
    lookups = options.lookups = _ffi.new("char[]", b"b")
    nothing = options.resolvconf_path = _ffi.new("char[]", b"/dev/null")
    mask = _lib.ARES_OPT_FLAGS | _lib.ARES_OPT_TIMEOUTMS | _lib.ARES_OPT_TRIES | _lib.ARES_OPT_SOCK_STATE_CB
    mask |= _lib.ARES_OPT_LOOKUPS | _lib.ARES_OPT_RESOLVCONF | _lib.ARES_OPT_SOCK_RCVBUF
    mask |= _OPT_UDP_MAX_QUERIES | _OPT_MAXTIMEOUTMS | _OPT_QUERY_CACHE
    mask |= _lib.ARES_OPT_ROTATE if settings.rotate else _OPT_NOROTATE
    channel = _ffi.new("ares_channel *")
    status = _lib.ares_init_options(channel, options, mask)
    if status != _lib.ARES_SUCCESS:
        raise OSError(f"c-ares cannot create a channel: {pycares.errno.strerror(status)}")
    del lookups, nothing
    ares._channel = channel
    try:
        ares.servers = settings.servers
    except Exception as error:
        _destroy(ares)
        raise ValueError(f"{settings.servers!r} are not addresses of name servers ({error})") from None
    return ares


def _destroy(ares: Any) -> None:
    """Destroy a channel in the calling thread. pycares' close() would use a thread, which does not survive a fork."""
    from pycares import _lib

    channel, ares._channel = ares._channel, None
    if channel is not None:
        _lib.ares_destroy(channel[0])
