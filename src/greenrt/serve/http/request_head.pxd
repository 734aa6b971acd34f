import cython


cdef dict _keys, _hosts, _methods
cdef frozenset _SINGLE, _SPECIAL
cdef Py_ssize_t _REMEMBERED

cdef str _key_of(str name)
cdef str _other_form(dict environ, str target)

cdef class HeadParser:
    cdef dict _base, _environ
    cdef bytes _tail
    cdef Py_ssize_t _query
    cdef bint _escaped, _hosted
    cdef readonly bint modern, plain
    cdef readonly str method, target

    cpdef forget(self)
    cpdef dict parse_again(self, bytes data)
    @cython.locals(line=bytes, end=bytes, fields=bytes, tail=bytes, environ=dict)
    cpdef dict parse(self, bytes head)
    @cython.locals(
        byte=cython.uchar, end=Py_ssize_t, space=Py_ssize_t, query=Py_ssize_t, position=Py_ssize_t, escaped=cython.bint
    )
    cdef bint _read_line(self, bytes data, Py_ssize_t stop) except -1
    @cython.locals(target=str)
    cdef dict _completed(self, dict environ)
    @cython.locals(environ=dict, repeated=dict, lines=list, line=str, name=str, value=str, key=str)
    cdef dict _parse_fields(self, bytes fields)
