cpdef ping(int fd)
