from greenrt._native.thread cimport coarse, ident
from greenrt._loop.base cimport LoopBase
from greenrt._loop.entry cimport Callback, Entry, as_callable


cdef class Loop(LoopBase):
    cdef readonly bint default
    cdef bint _breaking
    cdef double _stop_at
    cdef bint _running
    cdef object _closings
    cdef list _right_to_close
