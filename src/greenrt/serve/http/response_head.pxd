import cython

from greenrt._native.thread cimport coarse


cdef int PLAIN, LENGTH, DATE, HOP
cdef dict _kinds, _statuses
cdef str _date
cdef double _date_ends

@cython.locals(now=double, second=double)
cdef str _dated()
cdef str _as_str(object value, str what)
cdef tuple _status_of(str status)
cdef int _kind_of(str name) except -1
@cython.locals(char=cython.Py_UCS4)
cdef _check_value(str value)

cdef class ResponseHead:
    cdef readonly int code
    cdef readonly Py_ssize_t length
    cdef readonly list lines
    cdef readonly bint wants_close

    @cython.locals(read=tuple, lines=list, kind=cython.int, dated=cython.bint)
    cdef _set(self, object status, object headers)
    @cython.locals(char=cython.Py_UCS4, length=Py_ssize_t)
    cdef _set_length(self, str value)
    cdef bint _is_ours(self, str lower, str value)
