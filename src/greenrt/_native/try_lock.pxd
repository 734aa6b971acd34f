cdef class TryLock:
    cdef volatile int held
    cdef unsigned long owner
    cdef unsigned int taken_at
    cdef list _deferred

    cpdef bint _enter(self) noexcept
    cdef bint _deserted(self) noexcept
    cpdef _leave(self)
    cpdef _reopen(self)
    cpdef bint _held_here(self) noexcept
    cpdef _defer(self, int code, object operand)
