from greenrt._loop.watchers.base cimport Watcher


cdef class Timer(Watcher):
    cdef double _after
    cdef double _repeat
