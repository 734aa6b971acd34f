import cython

from greenrt._hub.guarded cimport WaitList
from greenrt._hub.links cimport LinkList, as_link
from greenrt.sync.permits cimport Permits


cdef int LINK, UNLINK


cdef class Semaphore(Permits):
    cdef LinkList _links

    cdef _give_back_several(self, object n)
    @cython.locals(links=LinkList, called=WaitList)
    cdef _call_waiters(self)
    cpdef _apply(self, int code, object operand)


cdef class BoundedSemaphore(Semaphore):
    cdef Py_ssize_t _bound
