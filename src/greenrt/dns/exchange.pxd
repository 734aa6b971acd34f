import cython

from greenrt._loop.fds cimport FdTable
from greenrt._loop.loop cimport Loop
from greenrt.dns.wire cimport Question


cdef class Exchange:
    cdef Loop _loop
    cdef Question _question
    cdef object _answered, _servers, _timeout, _timer, _truncated
    cdef dict _sockets
    cdef Py_ssize_t _asked_at, _turns, _waits
    cdef bint _other_case

    cpdef start(self)
    @cython.locals(fds=FdTable)
    cpdef close(self)
    cpdef abandon(self)
    cdef _end(self, list records, object failure)
    @cython.locals(question=Question, reply=bytes)
    cpdef _arrived(self, object at)
    cpdef _next(self, object failure)
    cdef _send(self)
    cdef _read(self, object at, bytes reply)
    cdef _failed(self, object at, object failure)
