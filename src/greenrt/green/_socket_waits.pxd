import cython

from greenrt._hub.fd_wait cimport yield_if_due, park_on_socket
from greenrt._native.sockio cimport attempt, descriptor, timeout_of
from greenrt._native.thread cimport monotonic


cdef int READ
cdef int NEVER_WAITS, NEVER_WAITS_TO_READ
cdef set _special


@cython.locals(limit=double, left=double)
cpdef double wait_for(object sock, int event, double deadline, int flags) except 0.0
cdef _raise_late(object sock)
@cython.locals(deadline=double)
cpdef object until_done(object sock, int event, object method, tuple args, int flags)
