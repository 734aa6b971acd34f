import cython

from greenrt._hub.park cimport new_park
from greenrt._hub.guarded cimport Guarded, WaitList
from greenrt._hub.links cimport LinkList, as_link
from greenrt._hub.park cimport Park


cdef int WAIT, LINK, UNLINK, FIRE, CALL_LINKS


cdef class Latch(Guarded):
    cdef bint _set
    cdef object source
    cdef WaitList _waiters
    cdef LinkList _links

    @cython.locals(park=Park)
    cpdef object wait_set(self, object timeout)
    cpdef fire(self)
    cpdef call_links(self)
    cpdef reset(self)
    cpdef link(self, object callback)
    @cython.locals(links=LinkList)
    cpdef unlink_all(self)
    cpdef unlink(self, object callback)
    cpdef bint has_links(self)
    @cython.locals(links=LinkList)
    cpdef bint has_queued_links(self)
    cpdef Py_ssize_t count_waiting(self)
    cpdef _forget_waiting(self)
    @cython.locals(waiters=WaitList)
    cdef _add(self, Park park)
    @cython.locals(waiters=WaitList, park=Park)
    cdef _fire(self)
    @cython.locals(links=LinkList)
    cdef _call_links(self)
    cdef _source(self)
