import cython

from greenrt._hub.park cimport Park
from greenrt._native.try_lock cimport TryLock
from greenrt._native.thread cimport monotonic


cdef int CANCEL
cdef double PATIENCE


cdef class WaitList:
    cdef Park head
    cdef Park tail
    cdef readonly Py_ssize_t count

    cpdef append(self, Park park)
    cpdef insert(self, Park park, Park following)
    cpdef bint remove(self, Park park) except -1
    cpdef Park popleft(self)


cdef class Guarded(TryLock):
    cdef object __weakref__

    cpdef _apply(self, int code, object operand)
    cpdef _submit(self, int code, object operand)
    cpdef _finish(self)
    @cython.locals(give_up=double, now=double)
    cpdef bint _insist(self) except -1
    cpdef _reset_after_fork(self)
    cpdef object _wait(self, int code, Park park, object timeout)
    cpdef _withdraw(self, Park park)
