import cython

from greenrt._hub cimport slot


cdef class Notifier:
    cpdef notify(self, object source)
    cpdef bint is_of(self, object callback) except -1


cdef class Link(Notifier):
    cdef object loop
    cdef object callback


cpdef Notifier as_link(object callback)
@cython.locals(link=Notifier, index=Py_ssize_t)
cpdef take_out(list links, object callback)
