import cython

from greenrt._hub.io cimport give_way, note_short_read, park_on_socket, read_would_wait
from greenrt._native.sockio cimport attempt, descriptor, plain_stream, receive, receive_into, timeout_of, transmit
from greenrt._native.thread cimport monotonic


cdef int READ, WRITE
cdef int WAITALL, DONTWAIT, NEVER_WAIT


@cython.locals(limit=double, left=double)
cpdef double wait_for(object sock, int event, double deadline, int flags) except 0.0
@cython.locals(deadline=double)
cpdef object until_done(object sock, int event, object method, tuple args, int flags)
@cython.locals(deadline=double, fd=cython.int)
cpdef object receive_bytes(object sock, Py_ssize_t size, int flags)
@cython.locals(deadline=double, got=Py_ssize_t, count=Py_ssize_t, fd=cython.int, known_dry=cython.bint)
cdef Py_ssize_t _recv_into(object sock, object buffer, Py_ssize_t size, int flags) except -1
@cython.locals(deadline=double, limit=double, count=Py_ssize_t)
cpdef Py_ssize_t send_bytes(object sock, object data, int flags) except -1
cdef object _held(object data)
cdef Py_ssize_t _size(object data) except -1
@cython.locals(count=Py_ssize_t, size=Py_ssize_t)
cdef Py_ssize_t _send_rest(object sock, object data, Py_ssize_t sent, int flags) except -1
@cython.locals(deadline=double, count=Py_ssize_t, size=Py_ssize_t, sent=Py_ssize_t)
cdef _sendall(object sock, object data, int flags)
