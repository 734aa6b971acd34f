import cython


cdef bytes CLASSES, RUNS
cdef int START, METHOD, TARGET_START, TARGET, VERSION, FIELD, NAME, VALUE, EMPTY_LINE, LINE, HEAD, DONE
cdef int IN_TARGET, IN_TOKEN
cdef unsigned long long HTTP_1_0, HTTP_1_1

cdef class HeadScanner:
    cdef Py_ssize_t _field_limit, _fields, _head_limit, _line_start, _most_fields, _request_line_limit, _scanned
    cdef int _state, _version_size
    cdef unsigned long long _version
    cdef readonly bint skipped

    cpdef restart(self)
    @cython.locals(
        raw="const unsigned char*",
        classes="const unsigned char*",
        runs="const unsigned char*",
        size=Py_ssize_t,
        state=cython.int,
        position=Py_ssize_t,
        shift=Py_ssize_t,
        bound=Py_ssize_t,
        run=cython.uchar,
        stop=Py_ssize_t,
        byte=cython.uchar,
    )
    cpdef Py_ssize_t scan(self, bytes data, Py_ssize_t start) except -2
    @cython.locals(limit=Py_ssize_t)
    cdef Py_ssize_t _bound(self) noexcept
    cdef _too_long(self)
    cdef int _step(self, int state, cython.uchar byte) except -1
    cdef int _step_in_line(self, int state, cython.uchar byte) except -1
    @cython.locals(version="unsigned long long")
    cdef int _step_in_version(self, cython.uchar byte) except -1
