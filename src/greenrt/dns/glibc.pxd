cdef class GlibcResolver:
    cdef dict _sources

    cdef _first(self, object ask)
    cdef list _addresses(self, object name, int family)


cdef bint _ends(object entry, object found) except -1
