cpdef object get_slot()
cpdef set_slot(object value)
cpdef unsigned long ident() noexcept
cpdef double monotonic() noexcept nogil
cpdef double coarse() noexcept
cpdef int check_signals() except -1
cpdef bint run_soon(object function) except -1
cpdef untrack(object thing)
