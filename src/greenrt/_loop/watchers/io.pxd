from greenrt._loop.watchers.base cimport Watcher


cdef class Io(Watcher):
    cdef int _fd
    cdef int _closes
    cdef int _events
    cdef int _happened
    cdef bint _pass_events
