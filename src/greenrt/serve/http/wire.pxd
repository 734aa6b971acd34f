import cython


cdef bytes END
cdef int CHUNK


cdef class Wire:
    cdef object _idle_time, _timeout
    cdef readonly Py_ssize_t short
    cdef public bytes buffer
    cdef public object error, limits, sock
    cdef public bint handed_over, idle, last, new

    cpdef wait_at_most(self, object seconds)
    cpdef bint begin(self) except -1
    @cython.locals(head=bytes, end=bytes, rest=bytes)
    cpdef read_head(self)
    cpdef send(self, bytes data)
