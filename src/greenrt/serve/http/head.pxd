import cython


cdef dict _keys, _hosts, _methods
cdef frozenset _SINGLE

cdef str _key_of(str name)
@cython.locals(lines=list, environ=dict, line=str, target=str, name=str, colon=str, value=str, key=str)
cpdef dict parse_head(bytes head, dict base)
@cython.locals(before=cython.uchar, byte=cython.uchar)
cdef _check_bytes(bytes head)
@cython.locals(parts=list, method=str, target=str, version=str)
cdef str _request_line(str line, dict environ)
cdef _repeated(dict environ, str key, str value)
@cython.locals(path=str, query=str)
cdef _set_target(dict environ, str target)
cdef str _other_form(dict environ, str target)
