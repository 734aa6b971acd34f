from greenrt._loop.watchers.base cimport Watcher


cdef class Async(Watcher):
    pass
