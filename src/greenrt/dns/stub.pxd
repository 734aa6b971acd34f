import cython


cdef class Flight:
    cdef public object line, key, exchange, channel, outcome, error
    cdef public str name, rtype
    cdef public Py_ssize_t askers
    cdef public list parks

    cpdef land(self, object outcome, object error)


cdef class Lookup:
    cdef Flight _flight
    cdef bint _left

    @cython.locals(flight=Flight)
    cpdef result(self, object timeout=*)
    @cython.locals(flight=Flight)
    cdef _wait(self, object timeout)
    @cython.locals(flight=Flight)
    cpdef cancel(self)
