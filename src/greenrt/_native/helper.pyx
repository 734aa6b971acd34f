"""greenrt's own native threads, which block all signals."""

from greenrt import _original
from greenrt._native.thread cimport monotonic

cdef extern from "pythread.h":
    ctypedef void *PyThread_type_lock
    ctypedef enum PyLockStatus:
        PY_LOCK_FAILURE
        PY_LOCK_ACQUIRED
    PyThread_type_lock PyThread_allocate_lock()
    void PyThread_free_lock(PyThread_type_lock lock)
    PyLockStatus PyThread_acquire_lock_timed(PyThread_type_lock lock, long long microseconds, int interrupt) nogil
    void PyThread_release_lock(PyThread_type_lock lock)

cdef extern from *:
    """
    #include <errno.h>
    #include <signal.h>
    static _Thread_local sigset_t greenrt_outer;

    static void greenrt_refuse(sigset_t *before)
    {
        /* These stay unblocked: a blocked fault ends the process without output from faulthandler. */
        static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
        sigset_t signals;
        sigfillset(&signals);
        for (unsigned int i = 0; i < sizeof(faults) / sizeof(*faults); i++)
            sigdelset(&signals, faults[i]);
        pthread_sigmask(SIG_BLOCK, &signals, before);
    }
    """
    ctypedef struct sigset_t:
        pass
    sigset_t greenrt_outer
    int SIG_SETMASK
    void greenrt_refuse(sigset_t *before)
    int pthread_sigmask(int how, const sigset_t *signals, sigset_t *before)


def start_helper(function, args):
    """Start a native thread that calls ``function(*args)``; it blocks all signals from its first instruction on.

    libuv's threads do the same. If the program blocks a signal in its own threads to wait for it there, the kernel
    would deliver the signal to any other thread that does not block it, and that may end the process. Raises
    RuntimeError if no more threads can be started.
    """
    cdef sigset_t before
    greenrt_refuse(&before)
    try:
        # The new thread inherits the mask.
        _original.start_new_thread(_run, (function, args, (<char *>&before)[:sizeof(sigset_t)]))
    finally:
        pthread_sigmask(SIG_SETMASK, &before, NULL)


def _run(function, args, bytes outer):
    global greenrt_outer
    greenrt_outer = (<sigset_t *><char *>outer)[0]
    del outer
    function(*args)


def admit_signals():
    """Restore the signal mask that the thread had which started this helper; before the helper runs user code.

    Child processes inherit the mask: otherwise they would block SIGTERM forever.
    """
    pthread_sigmask(SIG_SETMASK, &greenrt_outer, NULL)


def refuse_signals():
    """Block all signals again; after the helper has run user code."""
    greenrt_refuse(NULL)


cdef class Pause:
    """A pause of a helper thread that another thread can end; it measures when the pause was over.

    Attribute: `over_at`, the time (CLOCK_MONOTONIC, seconds) at which the last `wait` was over, before the thread
    waited for the GIL.
    """

    cdef PyThread_type_lock _lock
    cdef bint _ended
    cdef readonly double over_at

    def __cinit__(self):
        self._lock = PyThread_allocate_lock()
        if self._lock == NULL:
            raise MemoryError("no lock can be made")
        PyThread_acquire_lock_timed(self._lock, -1, 0)
        self.over_at = monotonic()

    def __dealloc__(self):
        if self._lock != NULL:
            PyThread_free_lock(self._lock)

    def wait(self, double seconds):
        """Wait for `seconds`; return True, or False as soon as `end` was called."""
        cdef long long microseconds = <long long>(seconds * 1e6)
        cdef PyLockStatus status
        cdef double over
        with nogil:
            status = PyThread_acquire_lock_timed(self._lock, microseconds, 0)
            over = monotonic()
        self.over_at = over
        if status == PY_LOCK_ACQUIRED:
            self._ended = False
            return False
        return True

    def end(self):
        """End the current `wait`, or the next one. Any thread may call this. Several calls end the same `wait`."""
        if not self._ended:
            self._ended = True
            PyThread_release_lock(self._lock)
