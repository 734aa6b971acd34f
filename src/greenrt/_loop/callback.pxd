from greenrt._native.heap cimport HeapNode


cpdef as_callable(object callback)


cdef class Entry(HeapNode):
    cpdef fire(self, int events)
    cpdef run(self)


cdef class Callback(Entry):
    cdef public object callback
    cdef public object args
