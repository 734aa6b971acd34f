import cython

from greenrt._hub cimport current_hub
from greenrt._loop.callback cimport Entry
from greenrt._native.switch cimport Fiber, resume


cdef class Notifier:
    cpdef notify(self, object source)
    cpdef bint is_of(self, object callback) except -1


cdef class LinkCall(Entry):
    cdef object callback
    cdef object source
    cdef LinkList links
    cdef bint over

    @cython.locals(links=LinkList)
    cpdef run(self)


cdef class Link(Notifier):
    cdef object loop
    cdef LinkCall call
    cdef object callback


cdef class LinkList:
    cdef list waiting
    cdef list queued

    @cython.locals(link=Notifier)
    cdef notify_all(self, object source)
    @cython.locals(known=Link, call=LinkCall)
    cdef notify(self, Notifier link, object source)
    @cython.locals(link=Link, call=LinkCall, waiting=Notifier, index=Py_ssize_t)
    cdef take_out(self, object callback)
    @cython.locals(link=Link)
    cdef list all(self)
    @cython.locals(link=Link, last=Link)
    cdef forget(self, LinkCall call)


cpdef Notifier as_link(object callback)
