"""State of the running OS thread: a slot for one object, its ident, clocks, pending signals."""

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

    /* Since CPython 3.14, PyErr_CheckSignals also runs the script that another process has sent by sys.remote_exec(). */
    #if defined(Py_REMOTE_DEBUG) && PY_VERSION_HEX >= 0x030E0000
    static int greenrt_nothing(void *argument) { return 0; }

    static int greenrt_check_signals(void)
    {
        PyThreadState *state = PyThreadState_Get();
        int32_t *waits = &state->remote_debugger_support.debugger_pending_call;
        int32_t waiting = *waits;
        int result;
        if (!waiting)
            return PyErr_CheckSignals();
        *waits = 0;
        result = PyErr_CheckSignals();
        *waits = waiting;
        /* A handler may have cleared the sign at which CPython looks for a script: a pending call sets it again. If too
           many are pending, the sign is set already. */
        Py_AddPendingCall(greenrt_nothing, NULL);
        return result;
    }
    #else
    #define greenrt_check_signals PyErr_CheckSignals
    #endif
    """
    PyObject *greenrt_slot
    int CLOCK_MONOTONIC_COARSE
    int greenrt_check_signals() except -1

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()
    int Py_AddPendingCall(int (*function)(void *) except -1, void *argument)
    void PyObject_GC_UnTrack(PyObject *object)


cpdef object get_slot():
    """Return the object in this thread's slot, or None.

    The slot is a C thread-local, which is several times faster than threading.local.
    """
    return <object>greenrt_slot if greenrt_slot != NULL else None


cpdef set_slot(object value):
    """Store an object in this thread's slot; None clears the slot. The end of the thread does not clear it."""
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
    """Return the ident of the running OS thread, as `_thread.get_ident` does."""
    return PyThread_get_thread_ident()


cpdef double monotonic() noexcept nogil:
    """Return the time of CLOCK_MONOTONIC in seconds."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <double>now.tv_sec + <double>now.tv_nsec * 1e-9


cpdef double coarse() noexcept:
    """Return CLOCK_MONOTONIC at the kernel's last tick (1 to 10 ms ago) in seconds: three times as fast."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
    return <double>now.tv_sec + <double>now.tv_nsec * 1e-9


cpdef int check_signals() except -1:
    """Run the Python handlers of signals that have arrived, and raise their exceptions (PyErr_CheckSignals).

    Compiled code has no bytecode boundaries at which CPython would do this. Does nothing in threads other than the
    main one. A script of `sys.remote_exec` is left to the next greenlet that runs: it may wait, and a debugger that it
    starts shall see a frame of the program.
    """
    return greenrt_check_signals()


cdef int _run(void *argument) except -1:
    function = <object>argument
    Py_DECREF(function)
    function()
    return 0


cpdef bint run_soon(object function) except -1:
    """Make the main thread call `function` at its next bytecode boundary, like a signal handler (Py_AddPendingCall).

    An exception of `function` is raised there. Returns False if too many such calls are pending.
    """
    Py_INCREF(function)
    if Py_AddPendingCall(_run, <void *>function) < 0:
        Py_DECREF(function)
        return False
    return True


cpdef untrack(object thing):
    """Hide an object from the cyclic garbage collector permanently (PyObject_GC_UnTrack)."""
    PyObject_GC_UnTrack(<PyObject *>thing)
