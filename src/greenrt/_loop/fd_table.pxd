import cython

from greenrt._loop.backends.base cimport Backend
from greenrt._loop.callback cimport Entry


cdef int _READ, _WRITE, _CLOSED, _FRANK


cdef class FdEntry:
    cdef public int fd
    cdef public unsigned int generation
    cdef public int closes
    cdef public Entry reader
    cdef public Entry writer
    cdef public dict watchers
    cdef public bint known
    cdef public bint stuck
    cdef public int armed
    cdef public bint dry
    cdef public bint frank
    cdef public bint void

    cpdef int wanted(self)
    cpdef list waiters(self)
    cpdef _withdraw(self, Entry waiter)


cdef class FdTable:
    cdef Backend backend
    cdef bint sticky
    cdef list entries

    @cython.locals(entry=FdEntry)
    cpdef FdEntry entry(self, int fd)
    cpdef Entry occupant(self, int fd, int event)
    @cython.locals(entry=FdEntry, occupant=Entry)
    cpdef Entry seize(self, int fd, int event, Entry waiter)
    @cython.locals(entry=FdEntry)
    cpdef park(self, int fd, int event, Entry waiter)
    cpdef withdraw(self, int fd, Entry waiter)
    @cython.locals(entry=FdEntry)
    cpdef note_dry(self, int fd)
    @cython.locals(entry=FdEntry)
    cpdef bint is_dry(self, int fd)
    @cython.locals(entry=FdEntry)
    cpdef add(self, int fd, int events, Entry waiter)
    @cython.locals(entry=FdEntry)
    cpdef int closes(self, int fd) except -1
    @cython.locals(entry=FdEntry)
    cpdef forget(self, int fd)
    @cython.locals(entry=FdEntry)
    cpdef reset(self, int fd)
    cdef _void(self, FdEntry entry)
    @cython.locals(entry=FdEntry)
    cpdef reset_elsewhere(self, int fd)
    @cython.locals(entry=FdEntry)
    cpdef list forget_elsewhere(self, int fd)
    @cython.locals(entry=FdEntry, waiter=Entry)
    cpdef evict(self, int fd, list waiters)
    @cython.locals(entry=FdEntry)
    cdef FdEntry _known(self, int fd)
    cpdef list all_entries(self)
    cpdef adopt(self, FdEntry entry)
    cdef _register(self, FdEntry entry)
    @cython.locals(backend=Backend, entry=FdEntry, fd=cython.int, events=cython.int)
    cpdef dispatch(self, int count)
    cdef _deliver(self, FdEntry entry, int events)
