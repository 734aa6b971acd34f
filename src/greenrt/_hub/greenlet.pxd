from greenrt._hub cimport slot
from greenrt._hub.park cimport deliver
from greenrt._native.thread cimport call_site
from greenrt._native.switch cimport current, is_active, resume, throw_into, start_in
from greenrt._hub.latch cimport Latch
from greenrt._hub.park cimport HubCore, Park
from greenrt._loop.entry cimport Entry
from greenrt._native.switch cimport Fiber, greenlet as greenlet_t


cdef int UNSTARTED, QUEUED, RUNNING, FINISHED


cdef class Start(Entry):
    cdef public object target


cdef class Greenlet(Fiber):
    cdef object _function
    cdef tuple _args
    cdef dict _kwargs
    cdef object _start
    cdef object _result
    cdef object _error
    cdef object _traceback
    cdef Latch _latch
    cdef object _site
    cdef object _name
    cdef int _state

    cdef Latch _end(self)
    cdef _finish(self, object result, object error)
    cpdef bint ready(self)
    cpdef bint _cancel_start(self)


cdef class RawGreenlet(Fiber):
    cdef object _function
    cdef tuple _args
    cdef dict _kwargs
    cdef object _site
