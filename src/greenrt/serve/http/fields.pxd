import cython


cdef dict _names, _statuses
cdef frozenset _HOP_BY_HOP

cdef int _code_of(object status) except 0
cdef str _lower(object name)

cdef class Head:
    cdef readonly int code
    cdef readonly object length
    cdef readonly object status
    cdef readonly str text
    cdef readonly bint wants_close

    @cython.locals(lines=list, text=str, lower=str, dated=cython.bint, count=Py_ssize_t)
    cdef _set(self, object status, object headers)
    cdef _set_length(self, str value)
    cdef bint _is_ours(self, str lower, str value)
