import cython

from greenrt._hub.park cimport new_park
from greenrt._hub.guard cimport Guarded, WaitList
from greenrt._hub.links cimport Notifier, as_link, take_out
from greenrt._hub.park cimport Park


cdef int WAIT, LINK, UNLINK, FIRE


cdef class Latch(Guarded):
    cdef bint _set
    cdef object source
    cdef WaitList _waiters
    cdef list _links

    @cython.locals(park=Park)
    cpdef object wait_set(self, object timeout)
    cpdef fire(self)
    cpdef reset(self)
    cpdef link(self, object callback)
    cpdef unlink(self, object callback)
    cpdef bint has_links(self)
    cpdef Py_ssize_t count_waiting(self)
    cpdef _forget_waiting(self)
    cdef _call(self, Notifier link)
    @cython.locals(waiters=WaitList)
    cdef _add(self, Park park)
    @cython.locals(waiters=WaitList, park=Park, link=Notifier)
    cdef _fire(self)
