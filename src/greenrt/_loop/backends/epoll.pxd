from greenrt._loop.backends.base cimport Backend
from greenrt._native.poller cimport Poller


cdef class EpollBackend(Backend):
    cdef Poller poller
    cdef int _register(self, int fd, unsigned int generation, unsigned int mask, bint known)
