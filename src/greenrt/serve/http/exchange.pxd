import cython

from greenrt.serve.http.response_head cimport ResponseHead
from greenrt.serve.http.request_head cimport HeadParser
from greenrt.serve.http.connection cimport Connection


cdef int HANDED_OVER

cdef bint _is_bodiless(int code)
cdef bytes _as_bytes(object part)

cdef class Exchange:
    cdef public Connection connection
    cdef public dict environ
    cdef readonly object body
    cdef readonly str method, target
    cdef public ResponseHead head
    cdef public Py_ssize_t left, sent
    cdef readonly bint modern
    cdef public bint is_head, reusable, started, chunked

    @cython.locals(connection=Connection)
    cpdef bint run(self, object application) except -1
    cdef _answer(self, object application)
    cpdef respond(self, object result)
    cdef _take_line(self, HeadParser heads)
    @cython.locals(body=bytes)
    cdef _send_list(self, object parts)
    @cython.locals(connection=Connection)
    cdef _send_parts(self, object parts)
    @cython.locals(head=ResponseHead, connection=Connection)
    cdef _send_file(self, object wrapper)
    cdef _check_length(self)
    @cython.locals(head=ResponseHead, lines=list, length=Py_ssize_t, answered=list)
    cdef bytes _start(self, Py_ssize_t whole)
    @cython.locals(connection=Connection, left=Py_ssize_t, size=Py_ssize_t, excess=Py_ssize_t)
    cdef _send(self, bytes prefix, bytes data)
