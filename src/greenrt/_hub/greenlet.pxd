import cython

from greenrt._hub cimport current_hub
from greenrt._hub.pending cimport deliver
from greenrt._hub.park cimport checked_seconds, new_park
from greenrt._native.thread cimport get_slot
from greenrt._native.framecache cimport begin_frames
from greenrt._native.switch cimport code_of, current, execute_current, is_active, attach_to_hub, resume, throw_into
from greenrt._loop.loop cimport Loop
from greenrt._hub.latch cimport Latch
from greenrt._hub.links cimport Notifier
from greenrt._hub.park cimport HubCore, Park
from greenrt._loop.callback cimport Entry
from greenrt._native.switch cimport Fiber, greenlet as greenlet_t


cdef int UNMADE, UNSTARTED, QUEUED, RUNNING, FINISHED


cdef class Start(Entry):
    cdef public object target


cdef class Greenlet(Fiber):
    # For reports.
    cdef readonly object _function
    cdef tuple _args
    cdef dict _kwargs
    cdef object _start
    cdef object _result
    cdef object _error
    cdef object _traceback
    cdef readonly object _name
    cdef object _sole
    cdef object _origin
    cdef int _state

    @cython.locals(hub=HubCore, loop=Loop)
    cdef _enqueue(self)
    @cython.locals(latch=Latch)
    cdef Latch _end(self)
    cdef object _execute(self)
    @cython.locals(latch=Latch, hub=HubCore, loop=Loop, park=Park)
    cdef bint _await_end(self, object timeout) except -1
    @cython.locals(hub=HubCore, loop=Loop)
    cdef bint _become_sole(self, Notifier notifier) except -1
    cdef _finish(self, object result, object error)
    @cython.locals(latch=Latch)
    cdef _notify_end(self)
    cdef _end_with_error(self, object error, object function, tuple args, dict kwargs)
    cdef _report(self, object error, object function, tuple args, dict kwargs)
    cpdef bint ready(self)
    cpdef bint _cancel_start(self)


@cython.locals(park=Park, notifier=Notifier)
cdef _notify(object waiter, object source)


@cython.locals(known=Greenlet)
cpdef throw_soon(object target, object error, bint now=*)
