"""The fd table: the waiters for each fd, and what the kernel knows of it.

Two kinds of users share an fd:

- A *socket operation* parks one reader and one writer at most, and only when there is nothing to do. For these the
  epoll backend keeps one edge-triggered registration for the life of the fd: no system call for a wait. A reader
  that has emptied such an fd says so (`note_dry`), and saves the next read a call that would only say EAGAIN.
- A *level user* (an io watcher, `wait_read`, select, poll, a resolver) wants reports of readiness that may be
  old. While an fd has one, its registration is one-shot: arming reports the present state.
"""

from errno import EBADF, EPERM

from greenrt._loop.backends.base import Backend
from greenrt._loop.callback import READ, WRITE, Entry

__all__ = ["CLOSED", "FdEntry", "FdTable"]

# Fired at waiters of an fd that is being closed; no kernel event.
CLOSED = 8

# Reported by a backend with what may come only once: see `FdEntry.frank`. A level user may want it, and no more.
FRANK = 16

# As the .pxd declares: C integers in the compiled build.
_READ, _WRITE, _CLOSED, _FRANK = READ, WRITE, CLOSED, FRANK


class FdEntry:
    """What one loop knows about one fd number."""

    __slots__ = (
        "armed",
        "closes",
        "dry",
        "fd",
        "frank",
        "generation",
        "known",
        "reader",
        "stuck",
        "void",
        "watchers",
        "writer",
    )

    def __init__(self, fd: int) -> None:
        self.fd = fd
        # Counts the files that had this number, as far as is known.
        self.generation = 1
        # How often one of them was closed, as far as is known.
        self.closes = 0
        self.reader: Entry | None = None
        self.writer: Entry | None = None
        # Level users and the events that each wants.
        self.watchers: dict[Entry, int] | None = None
        # Whether the kernel is thought to know the fd; whether by a sticky registration.
        self.known = False
        self.stuck = False
        # Set by another thread that closed the fd: what is known of it holds no more.
        self.void = False
        # The events of a one-shot registration that have not been reported yet.
        self.armed = 0
        # Whether all that had come was read, and no edge has come since.
        self.dry = False
        # Whether an end, an error or urgent data was reported: these come once, a short read may stop before them.
        self.frank = False

    def wanted(self) -> int:
        """Return the union of what all waiters want."""
        events = 0
        if self.reader is not None:
            events |= _READ
        if self.writer is not None:
            events |= _WRITE
        if self.watchers is not None:
            for wanted in self.watchers.values():
                events |= wanted
        return events

    def waiters(self) -> list[Entry]:
        """Return all waiters."""
        found: list[Entry] = [] if self.watchers is None else list(self.watchers)
        if self.reader is not None:
            found.append(self.reader)
        if self.writer is not None:
            found.append(self.writer)
        return found

    def _withdraw(self, waiter: Entry) -> None:
        """Forget `waiter`, which waits no more; no-op if it was fired."""
        if self.reader is waiter:
            self.reader = None
        if self.writer is waiter:
            self.writer = None
        watchers = self.watchers
        if watchers is not None:
            watchers.pop(waiter, None)
            if not watchers:
                self.watchers = None
        # A one-shot registration that is still armed reports at most once more, to no waiter. It is not counted on:
        # while it has no waiter, the fd may be closed and its number used again without our notice.
        if self.armed and not self.wanted():
            self.armed = 0


class FdTable:
    """All fds that a loop waits for; owner thread only."""

    __slots__ = ("backend", "entries", "sticky")

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.sticky = backend.sticky
        self.entries: list[FdEntry | None] = []

    def entry(self, fd: int) -> FdEntry:
        """Return the entry of `fd`, made if needed; OSError (EBADF) if `fd` is negative."""
        if fd < 0:
            raise OSError(EBADF, f"{fd} is not a file descriptor")
        entries = self.entries
        if fd >= len(entries):
            entries.extend([None] * (fd + 64 - len(entries)))
        entry = entries[fd]
        if entry is None:
            entry = FdEntry(fd)
            entries[fd] = entry
        return entry

    def occupant(self, fd: int, event: int) -> Entry | None:
        """Return the socket operation that waits for `event` (READ or WRITE) of `fd`, or None."""
        entry = self.entry(fd)
        return entry.reader if event == _READ else entry.writer

    def park(self, fd: int, event: int, waiter: Entry) -> None:
        """Fire `waiter` once when a socket operation that met EAGAIN is worth another try.

        The caller has made sure that there is no `occupant`. OSError if the kernel refuses the fd.
        """
        entry = self.entry(fd)
        if event == _READ:
            entry.reader = waiter
        else:
            entry.writer = waiter
        if entry.stuck and entry.watchers is None and not entry.void:
            return
        try:
            self._register(entry)
        except OSError:
            entry._withdraw(waiter)
            raise

    def seize(self, fd: int, event: int, waiter: Entry) -> Entry | None:
        """`park`, unless there is an occupant: return that, or None."""
        entry = self.entry(fd)
        occupant = entry.reader if event == _READ else entry.writer
        if occupant is None:
            self.park(fd, event, waiter)
        return occupant

    def note_dry(self, fd: int) -> None:
        """A read got less than it asked for, of a stream: the next one has to wait for an edge (epoll(7), Q9)."""
        if 0 <= fd < len(self.entries):
            entry = self.entries[fd]
            if entry is not None and entry.stuck and not entry.frank:
                entry.dry = True

    def is_dry(self, fd: int) -> bool:
        """Tell whether a read can't get anything before the next edge. False says nothing."""
        if fd < 0 or fd >= len(self.entries):
            return False
        entry = self.entries[fd]
        return entry is not None and entry.dry and entry.stuck and entry.watchers is None and not entry.void

    def withdraw(self, fd: int, waiter: Entry) -> None:
        """Forget `waiter`, a socket operation or a level user of `fd`; no-op if it was fired."""
        self.entry(fd)._withdraw(waiter)

    def add(self, fd: int, events: int, waiter: Entry) -> None:
        """Fire `waiter` once with those of `events` that `fd` is ready for. OSError if the kernel refuses the fd."""
        entry = self.entry(fd)
        if entry.watchers is None:
            entry.watchers = {}
        entry.watchers[waiter] = events
        try:
            self._register(entry)
        except OSError:
            entry._withdraw(waiter)
            raise

    def forget(self, fd: int) -> None:
        """The fd is about to be closed: fire all its waiters with CLOSED, and end its registration.

        Without the explicit end, a duplicate of the file in another process would keep delivering events under
        the old number.
        """
        if fd < 0 or fd >= len(self.entries):
            return
        entry = self.entries[fd]
        if entry is None:
            return
        entry.closes += 1
        if entry.known:
            self.backend.forget(fd)
            self._void(entry)
        self._deliver(entry, _CLOSED)

    def closes(self, fd: int) -> int:
        """Return how often the file of this number was closed: a later caller knows by it that its file is gone."""
        return self.entry(fd).closes

    def reset(self, fd: int) -> None:
        """The number `fd` may belong to a new file: nothing that is known of it holds any more.

        Waiters for it go on waiting: it may also be a second socket object on the same file.
        """
        if fd < 0 or fd >= len(self.entries):
            return
        entry = self.entries[fd]
        if entry is not None and entry.known:
            self._void(entry)
            if entry.wanted():
                try:
                    self._register(entry)
                except OSError:
                    self._deliver(entry, _CLOSED)

    def _void(self, entry: FdEntry) -> None:
        entry.generation = (entry.generation + 1) & 0x7FFFFFFF
        entry.known = entry.stuck = entry.dry = entry.frank = entry.void = False
        entry.armed = 0

    def reset_elsewhere(self, fd: int) -> None:
        """`reset` by a thread that does not own this table: takes effect when the owner next looks."""
        entry = self._known(fd)
        if entry is not None and not entry.wanted():
            entry.void = True

    def forget_elsewhere(self, fd: int) -> list[Entry]:
        """`forget` by a thread that does not own this table; return the waiters, for `evict`."""
        entry = self._known(fd)
        if entry is None:
            return []
        entry.void = True
        entry.closes += 1
        self.backend.forget(fd)
        return entry.waiters()

    def evict(self, fd: int, waiters: list[Entry]) -> None:
        """Fire those of `waiters` with CLOSED that still wait for `fd`, which another thread closed."""
        entry = self.entry(fd)
        still = entry.waiters()
        for waiter in waiters:
            if waiter in still:
                entry._withdraw(waiter)
                waiter.fire(_CLOSED)

    def _known(self, fd: int) -> FdEntry | None:
        if fd < 0 or fd >= len(self.entries):
            return None
        entry = self.entries[fd]
        return entry if entry is not None and entry.known else None

    def all_entries(self) -> list[FdEntry]:
        """Return the entries that someone waits on."""
        return [entry for entry in self.entries if entry is not None and entry.wanted()]

    def adopt(self, entry: FdEntry) -> None:
        """Take over an entry of another table, with its waiters, and register it with this table's backend."""
        self.entry(entry.fd)
        self.entries[entry.fd] = entry
        entry.known = entry.stuck = entry.dry = entry.void = False
        entry.armed = 0
        try:
            self._register(entry)
        except OSError:
            self._deliver(entry, _CLOSED)

    def _register(self, entry: FdEntry) -> None:
        if entry.void:
            self._void(entry)
        if self.sticky and entry.watchers is None:
            error = self.backend.stick(entry.fd, entry.generation, entry.known)
            entry.stuck = True
            entry.dry = False
            entry.armed = 0
        else:
            wanted = entry.wanted()
            if entry.armed and not entry.stuck and wanted == entry.armed:
                return
            error = self.backend.arm(entry.fd, entry.generation, wanted, entry.known)
            entry.stuck = False
            entry.armed = wanted
        entry.known = error == 0
        if error == 0:
            return
        entry.stuck = False
        entry.armed = 0
        if error != EPERM:
            raise OSError(error, f"can't wait for file descriptor {entry.fd}")
        # epoll refuses regular files: they are always ready.
        self._deliver(entry, _READ | _WRITE)

    def dispatch(self, count: int) -> None:
        """Fire the waiters of the `count` fds that the backend found ready."""
        backend = self.backend
        entries = self.entries
        for index in range(count):
            fd = backend.ready_fd(index)
            if fd >= len(entries):
                continue
            entry = entries[fd]
            # A generation that differs: the fd was closed and its number used again while the event was underway.
            if entry is None or not entry.known or entry.generation != backend.ready_generation(index):
                continue
            events = backend.ready_events(index)
            if events & _FRANK:
                entry.frank = True
            if events & _READ:
                entry.dry = False
            self._deliver(entry, events)
            if not entry.stuck:
                # The one-shot registration is spent; a remaining waiter needs a new one.
                entry.armed = 0
                if entry.wanted():
                    try:
                        self._register(entry)
                    except OSError:
                        # Closed behind our back.
                        self._deliver(entry, _CLOSED)

    def _deliver(self, entry: FdEntry, events: int) -> None:
        reader = entry.reader
        writer = entry.writer
        if reader is not None and events & (_READ | _CLOSED):
            entry.reader = None
            reader.fire(events)
        if writer is not None and events & (_WRITE | _CLOSED):
            entry.writer = None
            writer.fire(events)
        if entry.watchers is not None:
            watchers = list(entry.watchers.items())
            for waiter, wanted in watchers:
                happened = events & (wanted | _CLOSED)
                if happened:
                    entry._withdraw(waiter)
                    waiter.fire(happened)
