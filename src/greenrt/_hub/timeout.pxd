import cython

from greenrt._hub.greenlet cimport throw_soon
from greenrt._hub.pending cimport deliver, take_back
from greenrt._hub.park cimport HubCore, checked_seconds
from greenrt._loop.clock cimport Clock
from greenrt._loop.callback cimport Entry
from greenrt._loop.loop cimport Loop
from greenrt._native.heap cimport TimerHeap
from greenrt._native.switch cimport current, greenlet as greenlet_t
from greenrt._native.thread cimport get_slot


cdef class Timeout(BaseException)


cdef class Expiry(Entry):
    cdef Timeout timeout
    cdef HubCore hub
    cdef greenlet_t target
    cdef bint ref

    @cython.locals(loop=Loop)
    cpdef fire(self, int events)
    @cython.locals(timeout=Timeout)
    cpdef run(self)


cdef class Timeout(BaseException):
    cdef public object seconds
    cdef public object exception
    cdef bint _ref
    cdef Expiry _expiry
    cdef object _thrown

    @cython.locals(hub=HubCore, expiry=Expiry, loop=Loop, timers=TimerHeap, clock=Clock, seconds=double)
    cdef _start(self)
    @cython.locals(expiry=Expiry, loop=Loop, timers=TimerHeap)
    cdef bint _runs(self) except -1
    @cython.locals(expiry=Expiry, loop=Loop, timers=TimerHeap)
    cdef _stop(self)
    cdef _make_error(self)
