cpdef int descriptor(object sock) except? -1
cpdef double timeout_of(object sock) except? -2.0
cpdef int plain_stream(object sock) except? -1
cpdef object receive(object sock, Py_ssize_t size, int flags)
cpdef Py_ssize_t receive_into(object sock, object buffer, Py_ssize_t start, Py_ssize_t size, int flags) except? -2
cpdef Py_ssize_t transmit(object sock, object data, Py_ssize_t start, int flags) except? -2
cpdef object attempt(object sock, object method, tuple args)
