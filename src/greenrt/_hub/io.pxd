from greenrt._hub.park cimport NativePark, Park, new_park
cpdef int park_on_socket(int fd, int event, object timeout) except -1
