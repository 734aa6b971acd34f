from greenrt._hub.park cimport new_park
from greenrt._hub.guard cimport Guarded, WaitList
from greenrt._hub.park cimport Park


cdef int WAIT, LINK, UNLINK, FIRE, CLEAR


cdef class Notifier:
    cpdef notify(self, object source)


cdef class Link:
    cdef object loop
    cdef object callback

    cdef call(self, object source)


cdef class Latch(Guarded):
    cdef bint _set
    cdef object source
    cdef WaitList _waiters
    cdef list _links

    cpdef object wait_set(self, object timeout)
    cpdef fire(self)
    cpdef link(self, object callback)
    cpdef unlink(self, object callback)
    cpdef bint has_links(self)
