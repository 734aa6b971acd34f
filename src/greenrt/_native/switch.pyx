"""Greenlet switching through greenlet's C API, and the greenlet base class that carries our per-greenlet state."""

from cpython.exc cimport PyErr_Clear
from cpython.method cimport PyMethod_Check
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from greenlet import getcurrent


cdef extern from "greenlet.h":
    # A void macro that leaves NULL function pointers behind on failure: the exception must be checked for.
    void PyGreenlet_Import() except *
    ctypedef struct CGreenlet "PyGreenlet":
        pass

    greenlet PyGreenlet_GetCurrent()
    # The same, for callers that want a NULL.
    CGreenlet *try_current "PyGreenlet_GetCurrent"()
    object PyGreenlet_Switch(greenlet target, PyObject *args, PyObject *kwargs)
    # The same, for a reference that the switch does not keep.
    object switch_to_borrowed "PyGreenlet_Switch"(PyObject *target, PyObject *args, PyObject *kwargs)
    object PyGreenlet_Throw(greenlet target, PyObject *type, PyObject *value, PyObject *traceback)
    int PyGreenlet_ACTIVE(greenlet target)
    int PyGreenlet_STARTED(greenlet target)
    int PyGreenlet_SetParent(greenlet target, greenlet parent) except -1


cdef extern from "finalizing.h":
    int Py_IsFinalizing()
    object greenrt_run_guarded(object (*function)(object), object argument)


cdef extern from "Python.h":
    ctypedef struct PyThreadState:
        PyObject *context

    ctypedef struct PyFrameObject:
        pass

    # The same as of objects, for a pointer that no variable owns.
    Py_ssize_t count_references "Py_REFCNT"(PyObject *target)
    void drop "Py_DECREF"(PyObject *target)

    # These return borrowed references.
    PyObject *PyMethod_GET_FUNCTION(object method)
    PyObject *PyFunction_GET_CODE(object function)
    bint PyFunction_Check(object function)

    PyThreadState *PyThreadState_Get()
    PyFrameObject *PyThreadState_GetFrame(PyThreadState *state)
    ctypedef struct PyCodeObject:
        pass

    PyCodeObject *PyFrame_GetCode(PyFrameObject *frame)
    int PyFrame_GetLasti(PyFrameObject *frame)
    object PyContext_CopyCurrent()


PyGreenlet_Import()

# See the plain twin: there, the hubs of other threads must be stopped before.
SURVIVES_FINALIZATION = True

# What runs while the interpreter is being finalized, when greenlet doesn't say any more.
cdef greenlet _last = getcurrent()


cdef class Fiber(greenlet):
    """A greenlet with the state that parking and killing need; the hub and every spawned greenlet are fibers."""

    cpdef object keep_latch(self, object fresh):
        """Make `fresh` the latch unless there is one; return the one that there is. Any thread."""
        # Atomic: nothing but C between the look and the store.
        if self.latch is None:
            self.latch = fresh
        return self.latch

    cdef object _execute(self):
        raise NotImplementedError(f"{type(self).__name__} has nothing to run")


cdef object _execute(object fiber):
    return (<Fiber>fiber)._execute()


cpdef object execute(Fiber fiber):
    """Run the body of `fiber`, which is the running greenlet: the first thing that its first switch calls.

    Until CPython 3.13 a native thread that asks for the GIL while the interpreter is being finalized ends there, by
    pthread_exit(3), which unwinds the C stack. The unwinding stops here, and the thread sleeps for ever: above this
    frame lie the frames of other greenlets.
    """
    return greenrt_run_guarded(_execute, fiber)


cpdef object execute_current():
    """`execute` the running greenlet. Not a method: a started greenlet would hold a bound one for all its life."""
    cdef Fiber fiber = PyGreenlet_GetCurrent()
    return greenrt_run_guarded(_execute, fiber)


cpdef greenlet current():
    """Return the running greenlet of this thread. RuntimeError once the interpreter is being finalized."""
    return PyGreenlet_GetCurrent()


cpdef greenlet current_or_none():
    """Return the running greenlet of this thread; None once the interpreter is being finalized."""
    # greenlet asks the same; not all versions do.
    if Py_IsFinalizing():
        return None
    cdef PyObject *found = <PyObject *>try_current()
    if found == NULL:
        PyErr_Clear()
        return None
    cdef greenlet running = <greenlet>found
    Py_DECREF(running)
    return running


cpdef greenlet current_or_last():
    """Return the running greenlet; the main one of the main thread once the interpreter is being finalized.

    For ownership checks only. Code that may switch uses the others: daemon threads don't go on at the end.
    """
    cdef greenlet running = current_or_none()
    return _last if running is None else running


cpdef bint ending() noexcept:
    """Tell whether the interpreter is being finalized: no other code runs any more, and modules lose their names."""
    return Py_IsFinalizing()


cpdef Fiber as_fiber(object target):
    """Return `target` if it is a Fiber, else None."""
    return <Fiber>target if isinstance(target, Fiber) else None


cpdef object resume(greenlet target):
    """Switch to `target`; return what is switched back, or raise what is thrown here."""
    return PyGreenlet_Switch(target, NULL, NULL)


cpdef size_t hold(greenlet target) noexcept:
    """Return a reference to `target`, an active greenlet; only for `resume_held`, which must come next."""
    Py_INCREF(target)
    return <size_t><PyObject *>target


cpdef object resume_held(size_t held):
    """`resume` what `hold` returned, an active greenlet; no reference to it lasts while the caller is suspended."""
    cdef PyObject *target = <PyObject *>held
    if count_references(target) > 1:
        # Something else refers to the greenlet: its suspended frames, by way of its park. Before the greenlet runs,
        # greenlet runs no code that ends those, and after the switch it does not look at its argument.
        drop(target)
        return switch_to_borrowed(target, NULL, NULL)
    cdef greenlet kept = <greenlet>target
    drop(target)
    return PyGreenlet_Switch(kept, NULL, NULL)


cpdef object throw_into(greenlet target, object error):
    """Raise the exception instance `error` in `target`; return what is switched back."""
    cdef object kind = type(error)
    return PyGreenlet_Throw(target, <PyObject *>kind, <PyObject *>error, NULL)


cpdef bint is_active(greenlet target):
    """Tell whether `target` has started and has not finished."""
    return PyGreenlet_ACTIVE(target)


cpdef bint has_started(greenlet target):
    """Tell whether `target` has ever run, or was thrown into before it could: it can't be started any more."""
    return PyGreenlet_STARTED(target)


cpdef object code_of(object function):
    """Return the code of a Python function or method, else None."""
    if PyMethod_Check(function):
        function = <object>PyMethod_GET_FUNCTION(function)
    return <object>PyFunction_GET_CODE(function) if PyFunction_Check(function) else None


cpdef place(Fiber target, object hub):
    """Make `hub` the parent of a new greenlet, give it a copy of the running context (contextvars), note the site."""
    cdef PyThreadState *state = PyThreadState_Get()
    cdef PyFrameObject *frame = PyThreadState_GetFrame(state)
    cdef PyObject *code
    PyGreenlet_SetParent(target, hub)
    target.hub = hub
    # No context yet: the greenlet too will make its own when it needs one.
    if state.context != NULL:
        target.gr_context = PyContext_CopyCurrent()
    if frame != NULL:
        code = <PyObject *>PyFrame_GetCode(frame)
        target.site_code = <object>code
        target.site_offset = PyFrame_GetLasti(frame)
        Py_XDECREF(code)
        Py_XDECREF(<PyObject *>frame)
