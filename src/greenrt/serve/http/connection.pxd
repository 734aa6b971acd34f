import cython

from greenrt.green._socket_io cimport receive_bytes, send_bytes
from greenrt.serve.http.head_scanner cimport HeadScanner


cdef int CHUNK
cdef int NEW, IDLE, ACTIVE, HANDED_OVER


cdef class Connection:
    cdef object _idle_timeout, _left_waiting, _timeout
    cdef readonly Py_ssize_t short
    cdef public Py_ssize_t position
    cdef HeadScanner _scanner
    cdef bint _direct
    cdef public bytes buffer
    cdef public object error, limits, relay, sock
    cdef readonly list answered
    cdef public bint last
    cdef readonly int state

    cpdef set_timeout(self, object seconds)
    cpdef bint begin(self) except -1
    @cython.locals(scanner=HeadScanner, start=Py_ssize_t, end=Py_ssize_t)
    cpdef read_head(self)
    @cython.locals(scanner=HeadScanner, end=Py_ssize_t)
    cdef _rest_of_head(self)
    cpdef bytes rest(self)
    cpdef advance(self, Py_ssize_t position)
    @cython.locals(sent=Py_ssize_t)
    cpdef send(self, bytes data)
