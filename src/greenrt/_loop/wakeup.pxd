cdef class Wakeup:
    cdef public int fd
    cdef int write_fd
    cdef list _senders

    cpdef send(self)
    cpdef drain(self)
    cpdef close(self)
