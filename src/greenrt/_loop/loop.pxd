import cython
from greenrt._native.ring cimport Ring
from greenrt._native.thread cimport coarse, ident
from greenrt._loop.turn cimport LoopBase
from greenrt._loop.callback cimport Callback, Entry, as_callable


cdef class Loop(LoopBase):
    cdef readonly bint default
    cdef bint _breaking
    cdef double _stop_at
    cdef bint _running
    cdef object _closings
    cdef list _close_token
    cdef bint _released
    cdef object _stops

    cdef double _when_to_stop(self) except? -1.0
    cdef _run_all_ready(self)
    @cython.locals(done=cython.int, ready=Ring, give_up=cython.double)
    cpdef int run_batch(self, int most=*) except -1
    cdef _finish_closings(self)
