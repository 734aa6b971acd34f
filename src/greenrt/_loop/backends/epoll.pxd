import cython

from greenrt._loop.backends.base cimport Backend
from greenrt._native.poller cimport Poller


# C integers, since Python integers would make each event slower.
cdef int READ, WRITE, EXCEPTIONAL, URGENT
cdef unsigned int EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLONESHOT, EPOLLET


cdef class EpollBackend(Backend):
    cdef Poller poller

    cdef int _register(self, int fd, unsigned int generation, unsigned int mask, bint registered)
    @cython.locals(mask=cython.uint)
    cpdef int arm(self, int fd, unsigned int generation, int events, bint registered)
    @cython.locals(mask=cython.uint, events=cython.int)
    cpdef int ready_events(self, int index)
