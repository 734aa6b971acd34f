import cython

from greenrt._hub.links cimport Notifier, as_link, take_out
from greenrt.sync.permits cimport Permits


cdef int LINK, UNLINK


cdef class Semaphore(Permits):
    cdef list _links

    cdef _give_back_several(self, object n)
    @cython.locals(link=Notifier)
    cdef _release_one(self)
    @cython.locals(notifier=Notifier)
    cpdef _apply(self, int code, object operand)


cdef class BoundedSemaphore(Semaphore):
    cdef Py_ssize_t _bound
