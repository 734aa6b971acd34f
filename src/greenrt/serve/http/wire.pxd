import cython

from greenrt.green.socket_calls cimport receive_bytes, send_bytes


cdef bytes END
cdef int CHUNK


cdef class Wire:
    cdef object _idle_time, _timeout
    cdef readonly Py_ssize_t short
    cdef bint _direct
    cdef public bytes buffer
    cdef public object error, limits, sock
    cdef public bint handed_over, idle, last, new

    cpdef wait_at_most(self, object seconds)
    cpdef bint begin(self) except -1
    @cython.locals(head=bytes, end=bytes, rest=bytes)
    cpdef read_head(self)
    @cython.locals(sent=Py_ssize_t)
    cpdef send(self, bytes data)
