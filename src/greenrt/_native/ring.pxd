cdef class Ring:
    cdef list slots
    cdef Py_ssize_t head
    cdef Py_ssize_t count
    cdef Py_ssize_t mask

    cpdef append(self, object item)
    cpdef appendleft(self, object item)
    cpdef object popleft(self)
    cpdef object peek(self)
    cpdef clear(self)
    cdef _grow(self)
