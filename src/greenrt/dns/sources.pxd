cdef class Files:
    cdef object _trace

    cpdef by_name(self, str name, int family)
    cpdef by_address(self, int family, bytes packed)
    cdef _found(self, str wanted, object host)


cdef class Dns:
    cdef object _stub, _servers, _trace, _conf

    cdef _configured(self)
    cpdef by_address(self, int family, bytes packed)
    cpdef _refuse(self, str name)
    cdef _ask(self, str name, list rtypes, bint one_by_one)
    cdef _submit(self, str name, str rtype)
    cdef _result(self, object lookup)
