"""A try-lock: the one atomic step under every primitive that several threads share."""

from greenrt import _atfork

cdef extern from *:
    """
    #include <pythread.h>
    static inline int greenrt_try(volatile int *held) { return !__atomic_exchange_n(held, 1, __ATOMIC_ACQUIRE); }
    static inline void greenrt_open(volatile int *held) { __atomic_store_n(held, 0, __ATOMIC_RELEASE); }
    """
    bint greenrt_try(volatile int *held)
    void greenrt_open(volatile int *held)
    unsigned long PyThread_get_thread_ident()


# How often the process has forked on the way to this one, and the thread that forked last: of those that took a gate
# before, only that one exists.
cdef unsigned int age = 0
cdef unsigned long survivor = 0


def _after_fork_in_child():
    global age, survivor
    age += 1
    survivor = PyThread_get_thread_ident()


_atfork.register(_atfork.PRIMITIVES, _after_fork_in_child)


cdef class Gate:
    """A lock that can be tried, never waited for, and a list in which to leave what its holder shall do; any thread.

    Waiting could deadlock with oneself: a finalizer or a signal handler may run inside any critical section.
    """

    cpdef bint _enter(self) noexcept:
        """Take the gate if it is free; tell whether it was."""
        if greenrt_try(&self.held) or self._deserted():
            self.owner = PyThread_get_thread_ident()
            self.taken_at = age
            return True
        return False

    cdef bint _deserted(self) noexcept:
        """Tell whether the gate is held by a thread that a fork has left behind in the parent."""
        return self.taken_at != age and self.owner != survivor

    cpdef _leave(self):
        """Give the gate back."""
        self.owner = 0
        greenrt_open(&self.held)

    cpdef _reopen(self):
        """Free the gate, whatever thread held it: the child of a fork has no such thread."""
        self._leave()

    cpdef bint _held_here(self) noexcept:
        """Tell whether this thread holds the gate, further down its stack or in another greenlet."""
        return self.held and self.owner == PyThread_get_thread_ident() and not self._deserted()

    cpdef _defer(self, int code, object operand):
        """Leave an operation to the holder of the gate."""
        # Made before the look: allocating can run a finalizer that comes here too, and between a look and a store
        # with nothing but C between them no thread can.
        cdef list fresh = []
        if self._deferred is None:
            self._deferred = fresh
        self._deferred.append((code, operand))
