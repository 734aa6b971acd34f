from greenrt._native.thread cimport ident
from greenrt._loop.callback cimport Entry, as_callable
from greenrt._loop.turn cimport LoopBase


cdef class Watcher(Entry):
    cdef public LoopBase loop
    cdef public object callback
    cdef public tuple args
    cdef bint _ref
    cdef bint _active
    cdef bint _once
    cdef int _priority
    cdef bint _pending
    cdef bint _running
    cdef bint _closed
    cdef bint _finalized
    cdef public object waiter

    cdef _activate(self, callback, tuple args, bint once)
    cdef _deactivate(self)
    cdef _halt(self)
    cdef _check_usable(self, what)
    cdef _refuse(self)
    cpdef call(self, callback, tuple args)
