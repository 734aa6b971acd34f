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


# How many forks led to this process, and the thread that forked last: of the threads that took a lock before the
# fork, only that one exists.
cdef unsigned int age = 0
cdef unsigned long survivor = 0


def _after_fork_in_child():
    global age, survivor
    age += 1
    survivor = PyThread_get_thread_ident()


_atfork.register(_atfork.PRIMITIVES, _after_fork_in_child)


cdef class TryLock:
    """A lock that threads try but never wait for, and a list of operations for its holder. For any thread.

    A thread that waited for it could deadlock with itself: a finalizer or a signal handler may run inside any
    critical section.
    """

    cpdef bint _enter(self) noexcept:
        """Take the lock if it is free; return whether it was."""
        if greenrt_try(&self.held) or self._deserted():
            self.owner = PyThread_get_thread_ident()
            self.taken_at = age
            return True
        return False

    cdef bint _deserted(self) noexcept:
        """Return whether the holder of the lock is a thread that exists only in the parent of a fork."""
        return self.taken_at != age and self.owner != survivor

    cpdef _leave(self):
        """Release the lock."""
        self.owner = 0
        greenrt_open(&self.held)

    cpdef _reopen(self):
        """Free the lock, whichever thread holds it: that thread does not exist in the child of a fork."""
        self._leave()

    cpdef bint _held_here(self) noexcept:
        """Return whether this thread holds the lock, further down its stack or in another greenlet."""
        return self.held and self.owner == PyThread_get_thread_ident() and not self._deserted()

    cpdef _defer(self, int code, object operand):
        """Queue an operation for the holder of the lock."""
        # The list is made before the test: the allocation can run a finalizer that calls this method too. Between the
        # test and the store only C code runs, so no other thread does.
        cdef list fresh = []
        if self._deferred is None:
            self._deferred = fresh
        self._deferred.append((code, operand))
