import cython

from greenrt._hub.guard cimport Guarded, WaitList
from greenrt._hub.links cimport Notifier, as_link, take_out
from greenrt._hub.park cimport Park, in_hub, new_park


cdef int ACQUIRE, RELEASE, LINK, UNLINK, PREPARE


cdef class Semaphore(Guarded):
    cdef Py_ssize_t _counter
    cdef WaitList _waiters
    cdef list _links

    cdef bint _obtain(self, bint blocking, object timeout) except -1
    cdef _give_back(self)
    cdef _give_back_several(self, object n)
    @cython.locals(waiters=WaitList, park=Park, link=Notifier)
    cdef _release_one(self)
    @cython.locals(waiters=WaitList, park=Park, notifier=Notifier)
    cpdef _apply(self, int code, object operand)


cdef class BoundedSemaphore(Semaphore):
    cdef Py_ssize_t _bound
