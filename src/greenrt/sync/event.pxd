from greenrt._hub.latch cimport Latch


cdef class Event(Latch):
    pass
