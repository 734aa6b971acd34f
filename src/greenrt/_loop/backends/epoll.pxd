import cython

from greenrt._loop.backends.base cimport Backend
from greenrt._native.poller cimport Poller


# Else each event would be taken apart in Python's integers.
cdef unsigned int EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLONESHOT, EPOLLET


cdef class EpollBackend(Backend):
    cdef Poller poller

    cdef int _register(self, int fd, unsigned int generation, unsigned int mask, bint known)
    @cython.locals(mask=cython.uint)
    cpdef int arm(self, int fd, unsigned int generation, int events, bint known)
    @cython.locals(mask=cython.uint, events=cython.int)
    cpdef int ready_events(self, int index)
