"""Greenlet switching through greenlet's C API, and the greenlet base class that carries our per-greenlet state."""

from cpython.object cimport PyObject


cdef extern from "greenlet.h":
    # A void macro that leaves NULL function pointers behind on failure: the exception must be checked for.
    void PyGreenlet_Import() except *
    greenlet PyGreenlet_GetCurrent()
    object PyGreenlet_Switch(greenlet target, PyObject *args, PyObject *kwargs)
    object PyGreenlet_Throw(greenlet target, PyObject *type, PyObject *value, PyObject *traceback)
    int PyGreenlet_ACTIVE(greenlet target)
    int PyGreenlet_SetParent(greenlet target, greenlet parent) except -1


cdef extern from "Python.h":
    object PyContext_CopyCurrent()


PyGreenlet_Import()


cdef class Fiber(greenlet):
    """A greenlet with the state that parking and killing need; the hub and every spawned greenlet are fibers."""


cpdef greenlet current():
    """Return the running greenlet of this thread."""
    return PyGreenlet_GetCurrent()


cpdef object resume(greenlet target):
    """Switch to `target`; return what is switched back, or raise what is thrown here."""
    return PyGreenlet_Switch(target, NULL, NULL)


cpdef object throw_into(greenlet target, object error):
    """Raise the exception instance `error` in `target`; return what is switched back."""
    cdef object kind = type(error)
    return PyGreenlet_Throw(target, <PyObject *>kind, <PyObject *>error, NULL)


cpdef bint is_active(greenlet target):
    """Tell whether `target` has started and has not finished."""
    return PyGreenlet_ACTIVE(target)


cpdef start_in(Fiber target, object hub):
    """Make `hub` the parent of a new greenlet, and a copy of the running context (contextvars) its context."""
    PyGreenlet_SetParent(target, hub)
    target.hub = hub
    target.gr_context = PyContext_CopyCurrent()
