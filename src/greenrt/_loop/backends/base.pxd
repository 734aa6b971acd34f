cdef class Backend:
    cpdef int arm(self, int fd, unsigned int generation, int events, bint registered)
    cpdef int watch_edges(self, int fd, unsigned int generation, bint registered)
    cpdef forget(self, int fd)
    cpdef int wait(self, double timeout) except -1
    cpdef int ready_fd(self, int index)
    cpdef unsigned int ready_generation(self, int index)
    cpdef int ready_events(self, int index)
    cpdef close(self)
