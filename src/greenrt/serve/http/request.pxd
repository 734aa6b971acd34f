import cython

from greenrt.serve.http.exchange cimport Exchange
from greenrt.serve.http.request_head cimport HeadParser
from greenrt.serve.http.connection cimport Connection


@cython.locals(head=bytes, environ=dict, modern=cython.bint)
cpdef read_request(Connection connection, HeadParser heads)
cdef bint _persistent(dict environ, bint modern, Connection connection, object body) except -1
cdef _framed(dict environ, bint modern, Connection connection)
