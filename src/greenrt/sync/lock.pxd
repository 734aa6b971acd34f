import cython

from greenrt._hub.guard cimport Guarded, WaitList
from greenrt._hub.park cimport Park, in_hub, new_park, postpone
from greenrt._native.switch cimport current


cdef int ACQUIRE, RELEASE, PREPARE


cdef object _checked(object blocking, object timeout)


cdef class Mutex(Guarded):
    cdef bint _taken
    cdef WaitList _waiters

    cdef bint _seize(self, bint blocking, object timeout) except -1
    cdef _take_back(self)
    cdef bint _yield_up(self) except -1
    @cython.locals(waiters=WaitList, park=Park)
    cdef _pass_on(self)
    @cython.locals(waiters=WaitList, park=Park)
    cpdef _apply(self, int code, object operand)


cdef class Lock(Mutex):
    pass


cdef class RLock(Mutex):
    cdef object _holder
    cdef Py_ssize_t _count

    cdef bint _seize_again(self, bint blocking, object timeout) except -1
    cdef _let_go(self)
