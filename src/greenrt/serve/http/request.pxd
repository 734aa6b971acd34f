import cython

from greenrt.serve.http.head cimport parse_head


cdef class Request:
    cdef readonly dict environ
    cdef readonly object body
    cdef readonly bint persistent

@cython.locals(head=bytes, environ=dict, modern=cython.bint, persistent=cython.bint)
cpdef read_request(object wire, dict base)
cdef _framed(dict environ, bint modern, object wire)
