"""The fd table: the waiters for each file descriptor, and its registration in the kernel.

Two kinds of waiters share an fd:

- *Socket operations*: at most one reader and one writer, which park only after EAGAIN. For these the epoll backend
  keeps one edge-triggered registration for the life of the fd, so a wait costs no system call. A reader that has read
  all data calls `note_drained`: the next read then skips a system call that would only return EAGAIN.
- *Level-triggered waiters* (an io watcher, `wait_read`, select, poll, a resolver) also want readiness from before the
  wait. While an fd has such a waiter, its registration is one-shot: arming it reports the current state.
"""

from errno import EBADF, EPERM

from greenrt._events import CLOSED, EXCEPTIONAL, READ, WRITE
from greenrt._loop.backends.base import Backend
from greenrt._loop.callback import Entry

__all__ = ["FdEntry", "FdTable"]


class FdEntry:
    """The state of one fd number in one loop."""

    __slots__ = (
        "armed",
        "closes",
        "drained",
        "edge_triggered",
        "exceptional",
        "fd",
        "generation",
        "reader",
        "registered",
        "stale",
        "watchers",
        "writer",
    )

    def __init__(self, fd: int) -> None:
        self.fd: int = fd
        # Counts the files that had this number, as far as the loop knows.
        self.generation: int = 1
        # How many of these files were closed, as far as the loop knows.
        self.closes: int = 0
        self.reader: Entry | None = None
        self.writer: Entry | None = None
        # Level-triggered waiters, with the events that each waits for.
        self.watchers: dict[Entry, int] | None = None
        # Whether the fd is probably registered in the kernel, and whether that registration is edge-triggered.
        self.registered: bool = False
        self.edge_triggered: bool = False
        # Set by another thread that closed the fd: the other fields are no longer valid.
        self.stale: bool = False
        # The events of a one-shot registration that the kernel has not reported yet.
        self.armed: int = 0
        # Whether all data was read, and the kernel has reported no edge since.
        self.drained: bool = False
        # Whether the kernel has reported an end of file, an error or urgent data. It reports these once, and a short
        # read may stop before them.
        self.exceptional: bool = False

    def wanted(self) -> int:
        """Return the union of the events that all waiters wait for."""
        events = 0
        if self.reader is not None:
            events |= READ
        if self.writer is not None:
            events |= WRITE
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
        """Remove `waiter`, which no longer waits. Does nothing if it was fired."""
        if self.reader is waiter:
            self.reader = None
        if self.writer is waiter:
            self.writer = None
        watchers = self.watchers
        if watchers is not None:
            watchers.pop(waiter, None)
            if not watchers:
                self.watchers = None
        # A one-shot registration that is still armed reports at most once more, and finds no waiter. The loop does
        # not rely on it: while the fd has no waiter, it may be closed and its number reused without our knowledge.
        if self.armed and not self.wanted():
            self.armed = 0


class FdTable:
    """All file descriptors for which a loop waits. Owner thread only, except the methods with "elsewhere"."""

    __slots__ = ("backend", "entries", "has_edges")

    def __init__(self, backend: Backend) -> None:
        self.backend: Backend = backend
        self.has_edges: bool = backend.has_edges
        self.entries: list[FdEntry | None] = []

    def entry(self, fd: int) -> FdEntry:
        """Return the entry of `fd`, made if needed. Raises OSError (EBADF) if `fd` is negative."""
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

    def park(self, fd: int, event: int, waiter: Entry) -> None:
        """Make `waiter` wait for `event` (READ or WRITE): it is fired once when its socket operation can be retried.

        No other socket operation may be waiting for the same event. Raises OSError if the kernel rejects the fd.
        """
        entry = self.entry(fd)
        if event == READ:
            entry.reader = waiter
        else:
            entry.writer = waiter
        if entry.edge_triggered and entry.watchers is None and not entry.stale:
            return
        try:
            self._register(entry)
        except OSError:
            entry._withdraw(waiter)
            raise

    def try_park(self, fd: int, event: int, waiter: Entry) -> Entry | None:
        """Call `park` and return None, or return the socket operation that waits for the same event already."""
        entry = self.entry(fd)
        occupant = entry.reader if event == READ else entry.writer
        if occupant is None:
            self.park(fd, event, waiter)
        return occupant

    def note_drained(self, fd: int) -> None:
        """Record that a read from a stream was short: the next read has to wait for an edge (epoll(7), Q9)."""
        if 0 <= fd < len(self.entries):
            entry = self.entries[fd]
            if entry is not None and entry.edge_triggered and not entry.exceptional:
                entry.drained = True

    def is_drained(self, fd: int) -> bool:
        """Return whether a read can't return data before the next edge. False means that this is not known."""
        if fd < 0 or fd >= len(self.entries):
            return False
        entry = self.entries[fd]
        return (
            entry is not None
            and entry.drained
            and entry.edge_triggered
            and entry.watchers is None
            and not entry.stale
        )

    def withdraw(self, fd: int, waiter: Entry) -> None:
        """Remove `waiter` from the waiters for `fd`. Does nothing if it was fired."""
        self.entry(fd)._withdraw(waiter)

    def add(self, fd: int, events: int, waiter: Entry) -> None:
        """Make `waiter` a level-triggered waiter: it is fired once with those of `events` for which `fd` is ready.

        Raises OSError if the kernel rejects the fd.
        """
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
        """Fire all waiters of `fd` with CLOSED and end its registration, before the caller closes the fd.

        Without the explicit end, a duplicate of the file in another process would cause more events for the old
        number.
        """
        if fd < 0 or fd >= len(self.entries):
            return
        entry = self.entries[fd]
        if entry is None:
            return
        entry.closes += 1
        if entry.registered:
            self.backend.forget(fd)
            self._renew(entry)
        self._deliver(entry, CLOSED)

    def closes(self, fd: int) -> int:
        """Return how many files with this number were closed. A change shows a waiter that its file was closed."""
        return self.entry(fd).closes

    def reset(self, fd: int) -> None:
        """Drop the state of `fd`, whose number may belong to a new file.

        Its waiters continue to wait: the caller may also have made a second socket object for the same file.
        """
        if fd < 0 or fd >= len(self.entries):
            return
        entry = self.entries[fd]
        if entry is not None and entry.registered:
            self._renew(entry)
            if entry.wanted():
                try:
                    self._register(entry)
                except OSError:
                    self._deliver(entry, CLOSED)

    def _renew(self, entry: FdEntry) -> None:
        entry.generation = (entry.generation + 1) & 0x7FFFFFFF
        entry.registered = entry.edge_triggered = entry.drained = entry.exceptional = entry.stale = False
        entry.armed = 0

    def reset_elsewhere(self, fd: int) -> None:
        """Do what `reset` does, in a thread that does not own this table. The owner sees it at its next access."""
        entry = self._find_registered(fd)
        if entry is not None and not entry.wanted():
            entry.stale = True

    def forget_elsewhere(self, fd: int) -> list[Entry]:
        """Do what `forget` does, in a thread that does not own this table; return the waiters, for `evict`."""
        entry = self._find_registered(fd)
        if entry is None:
            return []
        entry.stale = True
        entry.closes += 1
        self.backend.forget(fd)
        return entry.waiters()

    def evict(self, fd: int, waiters: list[Entry]) -> None:
        """Fire with CLOSED those of `waiters` that still wait for `fd`, which another thread has closed."""
        entry = self.entry(fd)
        still = entry.waiters()
        for waiter in waiters:
            if waiter in still:
                entry._withdraw(waiter)
                waiter.fire(CLOSED)

    def _find_registered(self, fd: int) -> FdEntry | None:
        if fd < 0 or fd >= len(self.entries):
            return None
        entry = self.entries[fd]
        return entry if entry is not None and entry.registered else None

    def all_entries(self) -> list[FdEntry]:
        """Return the entries that have waiters."""
        return [entry for entry in self.entries if entry is not None and entry.wanted()]

    def adopt(self, entry: FdEntry) -> None:
        """Move an entry of another table, with its waiters, to this table and register it with this backend."""
        self.entry(entry.fd)
        self.entries[entry.fd] = entry
        entry.registered = entry.edge_triggered = entry.drained = entry.stale = False
        entry.armed = 0
        try:
            self._register(entry)
        except OSError:
            self._deliver(entry, CLOSED)

    def _register(self, entry: FdEntry) -> None:
        if entry.stale:
            self._renew(entry)
        if self.has_edges and entry.watchers is None:
            error = self.backend.watch_edges(entry.fd, entry.generation, entry.registered)
            entry.edge_triggered = True
            entry.drained = False
            entry.armed = 0
        else:
            wanted = entry.wanted()
            if entry.armed and not entry.edge_triggered and wanted == entry.armed:
                return
            error = self.backend.arm(entry.fd, entry.generation, wanted, entry.registered)
            entry.edge_triggered = False
            entry.armed = wanted
        entry.registered = error == 0
        if error == 0:
            return
        entry.edge_triggered = False
        entry.armed = 0
        if error != EPERM:
            raise OSError(error, f"can't wait for file descriptor {entry.fd}")
        # epoll rejects regular files: they are always ready.
        self._deliver(entry, READ | WRITE)

    def dispatch(self, count: int) -> None:
        """Fire the waiters of the `count` fds that the last wait of the backend has reported."""
        backend = self.backend
        entries = self.entries
        for index in range(count):
            fd = backend.ready_fd(index)
            if fd >= len(entries):
                continue
            entry = entries[fd]
            # With another generation, the fd was closed and its number reused while the event was in flight.
            if entry is None or not entry.registered or entry.generation != backend.ready_generation(index):
                continue
            events = backend.ready_events(index)
            if events & EXCEPTIONAL:
                entry.exceptional = True
            if events & READ:
                entry.drained = False
            self._deliver(entry, events)
            if not entry.edge_triggered:
                # The one-shot registration is used up; a remaining waiter needs a new one.
                entry.armed = 0
                if entry.wanted():
                    try:
                        self._register(entry)
                    except OSError:
                        # The fd was closed without our knowledge.
                        self._deliver(entry, CLOSED)

    def _deliver(self, entry: FdEntry, events: int) -> None:
        reader = entry.reader
        writer = entry.writer
        if reader is not None and events & (READ | CLOSED):
            entry.reader = None
            reader.fire(events)
        if writer is not None and events & (WRITE | CLOSED):
            entry.writer = None
            writer.fire(events)
        if entry.watchers is not None:
            watchers = list(entry.watchers.items())
            for waiter, wanted in watchers:
                happened = events & (wanted | CLOSED)
                if happened:
                    entry._withdraw(waiter)
                    waiter.fire(happened)
