"""A try-lock: the one atomic step under every primitive that several threads share."""

cdef extern from *:
    """
    #include <pythread.h>
    static inline int greenrt_try(volatile int *held) { return !__atomic_exchange_n(held, 1, __ATOMIC_ACQUIRE); }
    static inline void greenrt_open(volatile int *held) { __atomic_store_n(held, 0, __ATOMIC_RELEASE); }
    """
    bint greenrt_try(volatile int *held)
    void greenrt_open(volatile int *held)
    unsigned long PyThread_get_thread_ident()


cdef class Gate:
    """A lock that can be tried, never waited for; any thread.

    Waiting could deadlock with oneself: a finalizer or a signal handler may run inside any critical section.
    """

    cpdef bint _enter(self) noexcept:
        """Take the gate if it is free; tell whether it was."""
        if greenrt_try(&self.held):
            self.owner = PyThread_get_thread_ident()
            return True
        return False

    cpdef _leave(self):
        """Give the gate back."""
        self.owner = 0
        greenrt_open(&self.held)

    cpdef bint _held_here(self) noexcept:
        """Tell whether this thread holds the gate, further down its stack or in another greenlet."""
        return self.held and self.owner == PyThread_get_thread_ident()
