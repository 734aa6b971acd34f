import cython


cdef bytes CLASSES, RUNS
cdef int SIZE, EXTENSION_START, EXTENSION, VALUE_START, VALUE, QUOTED, ESCAPED, QUOTED_END
cdef int DATA, FIELD_START, FIELD_NAME, FIELD_VALUE
cdef int SIZE_LINE, DATA_END, DATA_LINE, FIELD_LINE, TRAILERS, DONE
cdef int IN_TEXT, IN_TOKEN, MOST_DIGITS

cdef int _value_of(cython.uchar byte)

cdef class ChunkDecoder:
    cdef object _error, _limits
    cdef bytearray _name
    cdef int _digits, _state
    cdef Py_ssize_t _room
    cdef unsigned long long _size
    cdef long long _total
    cdef readonly long long left
    cdef readonly bint done
    cdef readonly Py_ssize_t position

    @cython.locals(found=Py_ssize_t, room=Py_ssize_t, size=Py_ssize_t, count=Py_ssize_t)
    cpdef Py_ssize_t decode(self, bytes data, Py_ssize_t start, object view) except -1
    cpdef take(self, long long count)
    @cython.locals(
        raw="const unsigned char*",
        classes="const unsigned char*",
        size=Py_ssize_t,
        position=Py_ssize_t,
        begin=Py_ssize_t,
        stop=Py_ssize_t,
        run=cython.uchar,
    )
    cdef _frame(self, bytes data)
    cdef int _step(self, cython.uchar byte) except -1
    @cython.locals(digit=cython.int)
    cdef int _step_in_size(self, cython.uchar byte) except -1
    @cython.locals(kinds=cython.uchar)
    cdef int _step_in_extension(self, int state, cython.uchar byte) except -1
    cdef int _step_in_trailers(self, int state, cython.uchar byte) except -1
    cdef int _step_in_line_end(self, int state, cython.uchar byte) except -1
    @cython.locals(size="unsigned long long")
    cdef int _begin_chunk(self) except -1
    cdef _spend(self)
