import cython

from greenrt._hub.park cimport HubCore, NativePark, Park, new_park
from greenrt._loop.fds cimport FdTable
from greenrt._loop.loop cimport Loop


@cython.locals(park=Park, loop=Loop, fds=FdTable, happened=cython.int, hub=HubCore)
cpdef int park_on_socket(object what, int fd, int event, object timeout) except -1
