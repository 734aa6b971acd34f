from greenrt._native.thread cimport coarse, set_slot
from greenrt._native.switch cimport Fiber, current, greenlet as greenlet_t, hold, is_active, resume, resume_held, throw_into
from greenrt._hub.park cimport HubCore, Park, admit, run_fiber
from greenrt._loop.callback cimport Entry
from greenrt._native.ring cimport Ring
import cython


cdef object _RAW


cdef class Hub(HubCore):
    cdef public object exception_stream
    cdef public object name
    cdef public object thread_ident
    cdef public object main
    cdef Park _joiner
    cdef object _quiet_since
    cdef bint _calm
    cdef object _threadpool
    cdef readonly object _resolver
    cdef bint _ended
    cdef bint _wakes_lost

    cdef object _execute(self)
    @cython.locals(ready=Ring, entry=Entry, target=greenlet_t, held=size_t)
    cdef _drain(self)
    @cython.locals(limit=double)
    cdef _gather(self)
    cdef double _nothing_left(self) except -1
