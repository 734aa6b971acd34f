import cython

from greenrt._hub cimport slot
from greenrt._loop.entry cimport Entry


cdef class Notifier:
    cpdef notify(self, object source)
    cpdef bint is_of(self, object callback) except -1


cdef class _Call(Entry):
    cdef object callback
    cdef object source


cdef class Link(Notifier):
    cdef object loop
    cdef _Call call
    cdef object callback


cpdef Notifier as_link(object callback)
@cython.locals(link=Notifier, index=Py_ssize_t)
cpdef take_out(list links, object callback)
