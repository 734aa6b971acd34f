cdef class Gate:
    cdef volatile int held
    cdef unsigned long owner

    cpdef bint _enter(self) noexcept
    cpdef _leave(self)
    cpdef bint _held_here(self) noexcept
