from greenrt._hub.park cimport Shadow, shadow
from greenrt._native.switch cimport Fiber, current
from greenrt._hub.park cimport HubCore
from greenrt._loop.entry cimport Entry
from greenrt._native.switch cimport greenlet as greenlet_t


cdef class Expiry(Entry):
    cdef public object timeout
    cdef public HubCore hub
    cdef public greenlet_t target
    cdef public bint ref

    cpdef start(self, double seconds)
    cpdef stop(self)
