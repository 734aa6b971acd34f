import cython

from greenrt._hub.park cimport Park, as_seconds, new_park
from greenrt._loop.callback cimport Callback, Entry, as_callable
from greenrt._loop.loop cimport Loop


cdef class _Request(Entry):
    cdef object function
    cdef tuple args
    cdef Park park

    @cython.locals(park=Park)
    cpdef run(self)


cdef class LoopProxy:
    cdef object _loop
    cdef object __weakref__

    @cython.locals(loop=Loop)
    cdef Loop _target(self)
    @cython.locals(loop=Loop)
    cdef _send(self, Entry entry)
