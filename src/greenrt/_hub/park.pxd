from greenrt._native.thread cimport coarse, get_slot, run_soon, untrack
from greenrt._native.switch cimport as_fiber, current_or_none, is_finalizing, has_started, hold, is_active, namespace_of, resume, resume_held
import cython

from greenrt._loop.clock cimport Clock
from greenrt._loop.callback cimport Entry
from greenrt._loop.loop cimport Loop
from greenrt._native.heap cimport HeapNode, TimerHeap
from greenrt._native.ring cimport Ring
from greenrt._native.switch cimport Fiber, greenlet as greenlet_t


cdef int TIMER
cdef object _LONGEST, _allocate_lock
cdef bint _forked, _interruptible
cdef dict _interrupted
cdef set _native_parks, _python_queues


cdef class Shadow:
    cdef public object _park
    cdef public object _pending
    cdef public object _locals
    cdef public object due


@cython.locals(exact=double)
cpdef double as_seconds(object timeout) except? -1.0
@cython.locals(seconds=double)
cpdef double checked_seconds(object value, str name) except? -1.0
@cython.locals(state=dict, found=Shadow, made=Shadow)
cpdef Shadow shadow(greenlet_t target)
cpdef object state_of(greenlet_t target)
@cython.locals(fiber=Fiber, found=Shadow)
cpdef object parked(greenlet_t target)


cdef class Park(Entry)


cdef class HubCore(Fiber):
    cdef readonly Loop loop
    cdef Py_ssize_t _budget
    cdef public double _poll_due
    cdef readonly Py_ssize_t _parked
    cdef public Py_ssize_t _spawned
    cdef public object _swap

    @cython.locals(ready=Ring, park=Park, fiber=Fiber, target=greenlet_t, held=size_t)
    cdef _hand_off(self, greenlet_t running)


cdef class Park(Entry):
    cdef public HubCore hub
    cdef public greenlet_t greenlet
    cdef public object what
    cdef public object guard
    cdef public object outcome
    cdef public Park previous
    cdef public Park following
    cdef public object queue
    cdef public bint failed
    cdef public bint counted
    cdef bint ended
    cdef bint suspended
    cdef bint done
    cdef bint timed

    cpdef bint claim(self) noexcept
    cpdef bint wake(self, object outcome) except -1
    cpdef bint fail(self, object error) except -1
    cpdef finish(self, object outcome)
    cpdef finish_failed(self, object error)
    cpdef bint abandon(self) except -1
    cdef _end(self, object outcome)
    @cython.locals(loop=Loop)
    cdef _enqueue(self)
    cpdef object wait(self, object timeout=*, bint ref=*)
    @cython.locals(hub=HubCore, completed=bint)
    cdef _suspend(self, object timeout, bint ref)
    @cython.locals(target=greenlet_t, fiber=Fiber, hub=HubCore, loop=Loop)
    cdef bint _begin(self, object timeout, bint ref) except -1
    @cython.locals(loop=Loop, timers=TimerHeap, clock=Clock, seconds=double)
    cdef bint _start_time(self, object timeout, bint ref) except -1
    @cython.locals(hub=HubCore, loop=Loop, target=greenlet_t, fiber=Fiber, holder=Shadow, timers=TimerHeap)
    cdef _settle(self)
    cdef _leave_guard(self)


cdef class NativePark(Park):
    cdef object _lock

    cdef _block(self, object timeout)


cdef class LastPark(NativePark):
    pass


@cython.locals(fiber=Fiber, park=Park, loop=Loop, timers=TimerHeap)
cpdef freeze(greenlet_t target)
cdef Park _fresh(Park park, HubCore hub, greenlet_t running, object what)
cdef Park _native_park(NativePark park, object what)
cpdef Park new_park(object what)
cpdef bint in_hub()
@cython.locals(hub=HubCore, running=greenlet_t, fiber=Fiber, ready=Ring)
cpdef object yield_now()
@cython.locals(park=Park, ready=Ring)
cdef _yield_slowly(HubCore hub, greenlet_t running)
cpdef set_run_queue(Loop loop, Ring queue)
@cython.locals(outer=Park)
cdef _set_aside(Park park, object holder)
@cython.locals(outer=Park)
cdef _put_back(Park park)
@cython.locals(target=greenlet_t)
cpdef object admit(Park park)
cpdef object run_fiber(Fiber fiber)
