import cython


cdef dict _keys, _hosts, _methods
cdef frozenset _SINGLE, _SPECIAL
cdef Py_ssize_t _REMEMBERED

cdef str _key_of(str name)
@cython.locals(before=cython.uchar, byte=cython.uchar)
cdef _check_bytes(bytes head)
@cython.locals(parts=list, method=str, target=str, version=str)
cdef list _request_line(bytes line)
cdef _repeated(dict environ, str key, str value)
@cython.locals(path=str, query=str)
cdef _set_target(dict environ, str target)
cdef str _other_form(dict environ, str target)

cdef class Heads:
    cdef dict _base, _environ
    cdef bytes _fields
    cdef Py_ssize_t _most
    cdef readonly bint plain

    @cython.locals(line=bytes, parts=list, fields=bytes, environ=dict)
    cpdef dict parse(self, bytes head)
    @cython.locals(lines=list, environ=dict, line=str, name=str, colon=str, value=str, key=str)
    cdef dict _parse_fields(self, bytes fields)
