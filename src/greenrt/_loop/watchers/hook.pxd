from greenrt._loop.watchers.base cimport Watcher


cdef class Hook(Watcher):
    cdef list _list
