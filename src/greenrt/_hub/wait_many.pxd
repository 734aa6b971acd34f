from greenrt._hub.links cimport Notifier
from greenrt._hub.park cimport Park, new_park


cdef class Collector(Notifier):
    cdef public list ready
    cdef public Park park
    cdef Py_ssize_t needed
    cdef bint lost


cdef list _link_all(object objects, Collector collector)
