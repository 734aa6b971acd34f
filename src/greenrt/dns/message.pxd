import cython


cdef bytes CASES
cdef int _DOT


cdef class Question:
    cdef public str name
    cdef public bytes data
    cdef public bint edns
    cdef Py_ssize_t _end
    cdef Py_ssize_t _steps

    @cython.locals(data=bytes, code=cython.int, end=Py_ssize_t)
    cpdef object answered_by(self, bytes reply)
    cpdef bint answered_in_other_case(self, bytes reply) except -1
    cpdef bint is_truncated(self, bytes reply) except -1
    cpdef bint is_lame(self, bytes reply) except -1
    cpdef list records(self, bytes reply)
    @cython.locals(at=Py_ssize_t, end=Py_ssize_t, size=Py_ssize_t, kind=cython.int, group=cython.int)
    cdef list _records(self, bytes reply)
    @cython.locals(
        labels=list, size=Py_ssize_t, length=Py_ssize_t, after=Py_ssize_t, hops=Py_ssize_t, limit=Py_ssize_t
    )
    cdef tuple _name(self, bytes reply, Py_ssize_t at)


@cython.locals(asked=bytearray, length_at=Py_ssize_t, at=Py_ssize_t, byte=cython.uchar)
cdef bytearray _spelled(bytes plain, bytes random)
