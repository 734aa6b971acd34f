import cython

from greenrt._hub.park cimport HubCore, NativePark, Park, new_park, yield_now
from greenrt._loop.fd_table cimport FdTable
from greenrt._loop.loop cimport Loop
from greenrt._native.switch cimport current_or_none
from greenrt._native.thread cimport coarse, get_slot


cdef int CLOSED, READ, WRITE


@cython.locals(park=Park, fds=FdTable, happened=cython.int)
cpdef int park_on_socket(object what, int fd, int event, object timeout) except -1
@cython.locals(hub=HubCore)
cpdef yield_if_due()
@cython.locals(hub=HubCore, loop=Loop, fds=FdTable)
cpdef bint read_would_wait(int fd) except -1
@cython.locals(hub=HubCore, loop=Loop, fds=FdTable)
cpdef note_short_read(int fd)
