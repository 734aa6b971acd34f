import cython


cdef class Wire:
    cdef object _timeout
    cdef Py_ssize_t _short
    cdef public bytes buffer
    cdef public object error, limits, sock
    cdef public bint handed_over, idle, last, new

    cpdef wait_at_most(self, object seconds)
    @cython.locals(data=bytes, head=bytes, end=bytes, rest=bytes)
    cpdef read_head(self)
    cpdef send(self, bytes data)
