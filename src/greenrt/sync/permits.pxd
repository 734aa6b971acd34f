import cython

from greenrt._hub.guarded cimport Guarded, WaitList
from greenrt._hub.park cimport Park, as_seconds, in_hub, new_park, yield_now
from greenrt._native.thread cimport monotonic


cdef int ACQUIRE, RELEASE, PREPARE, PATIENCE
cdef object CALLED


cdef class Permits(Guarded):
    cdef Py_ssize_t _left
    cdef Py_ssize_t _vain
    cdef readonly WaitList _waiters
    cdef WaitList _called

    @cython.locals(called=WaitList, started=double)
    cdef bint _obtain(self, bint blocking, object timeout) except -1
    cdef bint _may_overtake(self, bint blocking) except -1
    @cython.locals(called=WaitList)
    cdef bint _obtain_after_others(self) except -1
    @cython.locals(called=WaitList)
    cdef bint _take_turn(self, Park park) except -1
    @cython.locals(park=Park)
    cdef bint _wait_again(self, object timeout, double started) except -1
    cdef _give_back(self)
    cdef _release_one(self)
    @cython.locals(waiters=WaitList, called=WaitList, park=Park)
    cdef _call_waiters(self)
    @cython.locals(waiters=WaitList, behind=Park)
    cdef _line_up(self, Park park)
    @cython.locals(called=WaitList, park=Park)
    cpdef _apply(self, int code, object operand)
