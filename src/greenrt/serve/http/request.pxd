import cython

from greenrt.serve.http.exchange cimport Exchange
from greenrt.serve.http.request_head cimport Heads
from greenrt.serve.http.connection cimport Wire


@cython.locals(head=bytes, environ=dict, modern=cython.bint)
cpdef read_request(Wire wire, Heads heads)
cdef bint _persistent(dict environ, bint modern, Wire wire, object body) except -1
cdef _framed(dict environ, bint modern, Wire wire)
