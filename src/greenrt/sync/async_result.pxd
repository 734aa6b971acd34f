from greenrt._hub cimport current_hub
from greenrt._hub.latch cimport Latch


cdef class AsyncResult(Latch):
    cdef object _value
    cdef object _error
    cdef object _traceback
