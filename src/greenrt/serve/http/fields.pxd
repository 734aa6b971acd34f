import cython

from greenrt._native.thread cimport coarse


cdef dict _names, _statuses
cdef frozenset _HOP_BY_HOP
cdef str _date
cdef double _date_ends

@cython.locals(now=double, second=double)
cdef str _dated()
cdef int _code_of(object status) except 0
cdef str _lower(object name)
@cython.locals(char=cython.Py_UCS4)
cdef _check_value(str value)

cdef class Head:
    cdef readonly int code
    cdef readonly object length
    cdef readonly list lines
    cdef readonly bint wants_close

    @cython.locals(lines=list, lower=str, dated=cython.bint)
    cdef _set(self, object status, object headers)
    cdef _set_length(self, str value)
    cdef bint _is_ours(self, str lower, str value)
