import cython

from greenrt._hub.fd_wait cimport yield_if_due, note_short_read, read_would_wait
from greenrt._native.sockio cimport attempt, descriptor, plain_stream, receive, receive_into, timeout_of, transmit
from greenrt._native.thread cimport monotonic
from greenrt.green._socket_waits cimport until_done, wait_for


cdef int READ, WRITE
cdef int WAITALL
cdef set _special


@cython.locals(deadline=double, fd=cython.int)
cpdef object receive_bytes(object sock, Py_ssize_t size, int flags)
cdef bint _may_have_target(object sock, int flags) except -1
@cython.locals(deadline=double, count=Py_ssize_t, fd=cython.int)
cdef Py_ssize_t _recv_into(object sock, object buffer, Py_ssize_t size, int flags) except -1
@cython.locals(deadline=double, limit=double, count=Py_ssize_t)
cpdef Py_ssize_t send_bytes(object sock, object data, int flags) except -1
cdef object _held(object data)
cdef Py_ssize_t _size(object data) except -1
@cython.locals(count=Py_ssize_t, size=Py_ssize_t)
cdef Py_ssize_t _send_rest(object sock, object data, Py_ssize_t sent, int flags, double deadline) except -1
@cython.locals(deadline=double, count=Py_ssize_t, size=Py_ssize_t, sent=Py_ssize_t, before=Py_ssize_t)
cdef _sendall(object sock, object data, int flags)
