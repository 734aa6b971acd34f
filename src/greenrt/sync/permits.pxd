import cython

from greenrt._hub.guard cimport Guarded, WaitList
from greenrt._hub.park cimport Park, in_hub, new_park


cdef int ACQUIRE, RELEASE, PREPARE


cdef class Permits(Guarded):
    cdef Py_ssize_t _left
    cdef WaitList _waiters

    cdef bint _obtain(self, bint blocking, object timeout) except -1
    cdef _give_back(self)
    @cython.locals(waiters=WaitList, park=Park)
    cdef _release_one(self)
    @cython.locals(waiters=WaitList, park=Park)
    cpdef _apply(self, int code, object operand)
