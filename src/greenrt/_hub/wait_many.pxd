import cython

from greenrt._hub.greenlet cimport Greenlet
from greenrt._hub.links cimport Notifier
from greenrt._hub.park cimport Park, new_park


cdef class Collector(Notifier):
    cdef public list ready
    cdef public Park park
    cdef Py_ssize_t needed
    cdef bint lost


@cython.locals(known=Greenlet)
cdef list _link_all(object objects, Collector collector)
@cython.locals(known=Greenlet)
cdef _unlink(object item, Collector collector)
