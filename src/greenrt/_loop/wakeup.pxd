from greenrt._native.ping cimport ping


cdef class Wakeup:
    cdef public int fd
    cdef readonly long sent
    cdef int write_fd
    cdef list _senders

    cpdef send(self)
    cpdef drain(self)
    cpdef close(self, bint await_senders=*)
