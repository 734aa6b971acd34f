from greenrt._native.ping cimport ping


cdef class Wakeup:
    cdef public int fd
    cdef readonly long sent
    cdef readonly int write_fd
    cdef list _senders

    cpdef send(self)
    cpdef drain(self)
    cpdef close(self, bint await_senders=*)


cdef class SignalWakeup:
    cdef readonly int fd
    cdef int _write_fd
    cdef int _program_fd
    cdef bint _armed
    cdef list _listeners

    cpdef arm(self)
    cpdef disarm(self)
    cpdef drain(self)
