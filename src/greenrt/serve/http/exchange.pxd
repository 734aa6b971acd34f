import cython

from greenrt.serve.http.fields cimport Head
from greenrt.serve.http.wire cimport Wire


cdef bint _is_bodiless(int code)

cdef class Exchange:
    cdef public Wire wire
    cdef public dict environ
    cdef readonly str method, target, protocol
    cdef public Head head
    cdef public object left
    cdef public object sent
    cdef public bint is_head, reusable, started, chunked

    @cython.locals(body=bytes)
    cdef _send_list(self, object parts)
    @cython.locals(wire=Wire)
    cdef _send_parts(self, object parts)
    @cython.locals(head=Head, wire=Wire)
    cdef _send_file(self, object wrapper)
    cdef _check_length(self)
    @cython.locals(head=Head, lines=list, old=cython.bint)
    cdef bytes _start(self, object whole)
    @cython.locals(wire=Wire, size=Py_ssize_t, excess=Py_ssize_t)
    cdef _send(self, bytes prefix, bytes data)
