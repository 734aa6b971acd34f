from greenrt._hub.fd_wait cimport yield_if_due
from greenrt._hub.pending cimport postpone
from greenrt._native.switch cimport current_id, current_or_last
from greenrt.sync.permits cimport Permits


cdef int UNINTERRUPTED
cdef bint _interruptible

cpdef object checked_timeout(object blocking, object timeout)
cdef bint _ends_meanwhile(object limit) except -1


cdef class Mutex(Permits):
    cdef _take_back(self)
    cdef bint _yield_up(self) except -1
    cdef _release_one(self)


cdef class Lock(Mutex):
    cdef size_t _taker

    cdef bint _seize(self, bint blocking, object timeout) except -1


cdef class RLock(Mutex):
    cdef object _holder
    cdef Py_ssize_t _count
    cdef int _uninterrupted

    cdef bint _seize_again(self, bint blocking, object timeout) except -1
    cdef bint _take_free(self, object me, Py_ssize_t count) except -1
    cdef _let_go(self)
    cdef _free(self)
