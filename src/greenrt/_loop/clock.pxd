from greenrt._native.thread cimport monotonic
cdef class Clock:
    cpdef double now(self)


cdef class VirtualClock(Clock):
    cdef double _time
