from libc.stdint cimport uint32_t, uint64_t


cdef extern from "<sys/epoll.h>":
    ctypedef union epoll_data_t:
        uint64_t u64

    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data


cdef class Poller:
    cdef readonly int fd
    cdef int capacity
    cdef epoll_event *batch
    # The time of the last poll that did not sleep and yet released the GIL (coarse clock).
    cdef double released

    cpdef int control(self, int operation, int fd, unsigned int events, unsigned int generation)
    cpdef int wait(self, double timeout) except -1
    cpdef close(self)
    cpdef int ready_fd(self, int index)
    cpdef unsigned int ready_generation(self, int index)
    cpdef unsigned int ready_events(self, int index)
