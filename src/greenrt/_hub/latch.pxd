import cython

from greenrt._hub.park cimport new_park
from greenrt._hub.guarded cimport Guarded, WaitList
from greenrt._hub.links cimport LinkList, as_link
from greenrt._hub.park cimport Park


cdef int WAIT, LINK, UNLINK, SET, NOTIFY_LINKS


cdef class Latch(Guarded):
    cdef bint _set
    cdef object _source
    cdef WaitList _waiters
    cdef LinkList _links

    cpdef bint ready(self)
    cpdef rawlink(self, object callback)
    cpdef unlink(self, object callback)
    cpdef Py_ssize_t linkcount(self)
    @cython.locals(park=Park)
    cdef object _wait_set(self, object timeout)
    cdef _set_flag(self)
    cdef _set_and_notify_links(self)
    cdef _clear_flag(self)
    @cython.locals(links=LinkList)
    cpdef _unlink_all(self)
    cpdef bint _has_links(self)
    @cython.locals(links=LinkList)
    cdef bint _has_queued_links(self)
    cdef _forget_waiting(self)
    @cython.locals(waiters=WaitList)
    cdef _add(self, Park park)
    @cython.locals(waiters=WaitList, park=Park)
    cdef _notify_all(self)
    @cython.locals(links=LinkList)
    cdef _notify_links(self)
    cdef _argument(self)
