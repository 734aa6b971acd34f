from greenrt._hub.park cimport new_park
from greenrt._hub.latch cimport Notifier
from greenrt._hub.park cimport Park


cdef class Collector(Notifier):
    cdef public list ready
    cdef public Park park
    cdef Py_ssize_t needed
