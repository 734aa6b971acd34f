"""What belongs to the running OS thread: one object slot, its identity, clocks, pending signals."""

from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF, PyObject
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec


cdef extern from *:
    """
    #include <Python.h>
    #include <time.h>
    static _Thread_local PyObject *greenrt_slot = NULL;
    #ifndef CLOCK_MONOTONIC_COARSE
    #define CLOCK_MONOTONIC_COARSE CLOCK_MONOTONIC
    #endif
    """
    PyObject *greenrt_slot
    int CLOCK_MONOTONIC_COARSE

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()
    int PyErr_CheckSignals() except -1
    int Py_AddPendingCall(int (*function)(void *) except -1, void *argument)
    void PyObject_GC_UnTrack(PyObject *object)


cpdef object get_slot():
    """Return this thread's object, or None. A C thread-local: several times cheaper than threading.local."""
    return <object>greenrt_slot if greenrt_slot != NULL else None


cpdef set_slot(object value):
    """Set this thread's object; None clears it. The slot is not cleared when the thread ends."""
    cdef PyObject *old
    global greenrt_slot
    old = greenrt_slot
    if value is None:
        greenrt_slot = NULL
    else:
        Py_INCREF(value)
        greenrt_slot = <PyObject *>value
    Py_XDECREF(old)


cpdef unsigned long ident() noexcept:
    """Return the identity of the running OS thread, as `_thread.get_ident` does."""
    return PyThread_get_thread_ident()


cpdef double monotonic() noexcept:
    """Return the time of CLOCK_MONOTONIC in seconds."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <double>now.tv_sec + <double>now.tv_nsec * 1e-9


cpdef double coarse() noexcept:
    """Return CLOCK_MONOTONIC as of the kernel's last tick (1 to 10 ms old) in seconds: a third of the price."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
    return <double>now.tv_sec + <double>now.tv_nsec * 1e-9


cpdef int check_signals() except -1:
    """Run the Python handlers of signals that have arrived; raise what they raise. No-op off the main thread.

    Compiled code has no bytecode boundaries at which CPython would do this (PyErr_CheckSignals).
    """
    return PyErr_CheckSignals()


cdef int _run(void *argument) except -1:
    function = <object>argument
    Py_DECREF(function)
    function()
    return 0


cpdef bint run_soon(object function) except -1:
    """Have the main thread call `function` at its next bytecode boundary, as signal handlers are (Py_AddPendingCall).

    What it raises is raised there. False if there are too many such calls.
    """
    Py_INCREF(function)
    if Py_AddPendingCall(_run, <void *>function) < 0:
        Py_DECREF(function)
        return False
    return True


cpdef untrack(object thing):
    """Hide an object from the cyclic garbage collector, for good (PyObject_GC_UnTrack)."""
    PyObject_GC_UnTrack(<PyObject *>thing)
