cdef class HeapNode:
    cdef public double deadline
    cdef unsigned long long order
    cdef Py_ssize_t position
    cdef bint claimed

    cpdef bint claim(self) noexcept


cdef class TimerHeap:
    cdef list nodes
    cdef unsigned long long counter

    cpdef bint contains(self, HeapNode node)
    cpdef push(self, HeapNode node, double deadline)
    cpdef bint remove(self, HeapNode node)
    cpdef double first_deadline(self)
    cpdef HeapNode pop_due(self, double now)
    cpdef list drain(self)
    cdef void _place(self, Py_ssize_t position, HeapNode node) noexcept
    cdef void _rise(self, Py_ssize_t position, HeapNode node) noexcept
    cdef void _sink(self, Py_ssize_t position, HeapNode node) noexcept
