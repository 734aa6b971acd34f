import cython

from greenrt._loop.callback cimport Entry
from greenrt._loop.fd_table cimport FdTable
from greenrt._loop.loop cimport Loop
from greenrt._native.heap cimport TimerHeap
from greenrt.dns.message cimport Question


cdef class Asker:
    cpdef answered(self, list records, tuple failure)
    cpdef truncated(self)


cdef class Asked(Entry):
    cdef Exchange exchange
    cdef Py_ssize_t at
    cdef object sock
    cdef int fd
    cdef bint queued
    cdef bint gone
    cdef int vain


cdef class Exchange(Entry):
    cdef Asker _asker
    cdef Loop _loop
    cdef Question _question
    cdef object _servers
    cdef double _timeout
    cdef tuple _failure
    cdef list _asked
    cdef Py_ssize_t _asked_at, _turns, _waits
    cdef bint _ended, _flooded, _other_case

    cpdef start(self)
    @cython.locals(asked=Asked)
    cpdef close(self)
    @cython.locals(fds=FdTable)
    cdef _close_socket(self, Asked asked)
    @cython.locals(asked=Asked)
    cpdef abandon(self)
    @cython.locals(fds=FdTable, asked=Asked)
    cdef list _end_all(self)
    cdef _end(self, list records, tuple failure)
    cdef _end_truncated(self)
    cdef _next(self, tuple failure)
    @cython.locals(asked=Asked)
    cdef _send(self)
    @cython.locals(asked=Asked)
    cdef Asked _server(self, Py_ssize_t at)
    @cython.locals(loop=Loop, timers=TimerHeap)
    cdef _wait(self, double seconds, tuple failure=*)
    @cython.locals(loop=Loop)
    cdef queue(self, Entry entry)
    @cython.locals(loop=Loop, timers=TimerHeap)
    cpdef run(self)
    @cython.locals(loop=Loop, fds=FdTable)
    cdef arrived(self, Asked asked)
    @cython.locals(fds=FdTable)
    cdef _shut_out(self, Asked asked)
    @cython.locals(question=Question)
    cdef _read(self, Asked asked, bytes reply)
    cdef _failed(self, Asked asked, tuple failure)
