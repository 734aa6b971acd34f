import cython

from greenrt._loop.backends.base cimport Backend
from greenrt._loop.callback cimport Entry


# C integers, imported from the plain module `greenrt._events`.
cdef int READ, WRITE, CLOSED, EXCEPTIONAL


cdef class FdEntry:
    cdef public int fd
    cdef public unsigned int generation
    cdef public int closes
    cdef public Entry reader
    cdef public Entry writer
    cdef public dict watchers
    cdef public bint registered
    cdef public bint edge_triggered
    cdef public int armed
    cdef public bint drained
    cdef public bint exceptional
    cdef public bint stale

    cpdef int wanted(self)
    cpdef list waiters(self)
    cpdef _withdraw(self, Entry waiter)


cdef class FdTable:
    cdef Backend backend
    cdef bint has_edges
    cdef list entries

    @cython.locals(entry=FdEntry)
    cpdef FdEntry entry(self, int fd)
    @cython.locals(entry=FdEntry, occupant=Entry)
    cpdef Entry try_park(self, int fd, int event, Entry waiter)
    @cython.locals(entry=FdEntry)
    cpdef park(self, int fd, int event, Entry waiter)
    cpdef withdraw(self, int fd, Entry waiter)
    @cython.locals(entry=FdEntry)
    cpdef note_drained(self, int fd)
    @cython.locals(entry=FdEntry)
    cpdef bint is_drained(self, int fd)
    @cython.locals(entry=FdEntry)
    cpdef add(self, int fd, int events, Entry waiter)
    @cython.locals(entry=FdEntry)
    cpdef int closes(self, int fd) except -1
    @cython.locals(entry=FdEntry)
    cpdef forget(self, int fd)
    @cython.locals(entry=FdEntry)
    cpdef reset(self, int fd)
    cdef _renew(self, FdEntry entry)
    @cython.locals(entry=FdEntry)
    cpdef reset_elsewhere(self, int fd)
    @cython.locals(entry=FdEntry)
    cpdef list forget_elsewhere(self, int fd)
    @cython.locals(entry=FdEntry, waiter=Entry)
    cpdef evict(self, int fd, list waiters)
    @cython.locals(entry=FdEntry)
    cdef FdEntry _find_registered(self, int fd)
    cpdef list all_entries(self)
    cpdef adopt(self, FdEntry entry)
    cdef _register(self, FdEntry entry)
    @cython.locals(backend=Backend, entry=FdEntry, fd=cython.int, events=cython.int)
    cpdef dispatch(self, int count)
    cdef _deliver(self, FdEntry entry, int events)
