import cython

from greenrt._loop.callback cimport Entry
from greenrt._loop.fd_table cimport FdTable
from greenrt._loop.loop cimport Loop
from greenrt._native.heap cimport TimerHeap
from greenrt.dns.message cimport Question


cdef class ExchangeOwner:
    cpdef answered(self, list records, tuple failure)
    cpdef truncated(self)


cdef class Endpoint(Entry):
    cdef Exchange exchange
    cdef Py_ssize_t at
    cdef object sock
    cdef int fd
    cdef bint queued
    cdef bint closed_elsewhere
    cdef int unusable


cdef class Exchange(Entry):
    cdef ExchangeOwner _owner
    cdef Loop _loop
    cdef Question _question
    cdef object _servers
    cdef double _timeout
    cdef tuple _failure
    cdef list _endpoints
    cdef Py_ssize_t _current, _queries_left, _retries
    cdef bint _ended, _flooded, _other_case

    cpdef start(self)
    @cython.locals(endpoint=Endpoint)
    cpdef close(self)
    @cython.locals(fds=FdTable)
    cdef _close_socket(self, Endpoint endpoint)
    @cython.locals(endpoint=Endpoint)
    cpdef abandon(self)
    @cython.locals(fds=FdTable, endpoint=Endpoint)
    cdef list _detach_all(self)
    cdef _end(self, list records, tuple failure)
    cdef _end_truncated(self)
    cdef _next(self, tuple failure)
    @cython.locals(endpoint=Endpoint)
    cdef _send(self)
    @cython.locals(endpoint=Endpoint)
    cdef Endpoint _endpoint(self, Py_ssize_t at)
    @cython.locals(loop=Loop, timers=TimerHeap)
    cdef _set_timer(self, double seconds, tuple failure=*)
    @cython.locals(loop=Loop)
    cdef queue(self, Entry entry)
    @cython.locals(loop=Loop, timers=TimerHeap)
    cpdef run(self)
    @cython.locals(loop=Loop, fds=FdTable)
    cdef on_readable(self, Endpoint endpoint)
    @cython.locals(fds=FdTable)
    cdef _cut_off(self, Endpoint endpoint)
    @cython.locals(question=Question)
    cdef _read(self, Endpoint endpoint, bytes reply)
    cdef _server_failed(self, Endpoint endpoint, tuple failure)
