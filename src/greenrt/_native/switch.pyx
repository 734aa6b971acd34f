"""Greenlet switching through greenlet's C API, and the greenlet base class with greenrt's per-greenlet state."""

from cpython.exc cimport PyErr_Clear
from cpython.method cimport PyMethod_Check
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from greenlet import getcurrent


cdef extern from "greenlet.h":
    # A void macro. On failure it leaves NULL function pointers, so the exception must be checked for.
    void PyGreenlet_Import() except *
    ctypedef struct CGreenlet "PyGreenlet":
        pass

    greenlet PyGreenlet_GetCurrent()
    # The same function, for callers that handle a NULL.
    CGreenlet *try_current "PyGreenlet_GetCurrent"()
    object PyGreenlet_Switch(greenlet target, PyObject *args, PyObject *kwargs)
    # The same function, for a reference that the switch does not keep.
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

    # Reference counting for a pointer that no variable owns.
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
    PyFrameObject *PyFrame_GetBack(PyFrameObject *frame)
    PyObject *PyFrame_GetGlobals(PyFrameObject *frame)
    object PyContext_CopyCurrent()
    object PyObject_GenericGetDict(object target, void *unused)


PyGreenlet_Import()

# See the plain twin, with which the hubs of other threads must stop before finalization.
SURVIVES_FINALIZATION = True

# See the plain twin. Compiled code runs no handlers.
INTERRUPTIBLE = False

# The greenlet that runs while the interpreter is being finalized, when greenlet no longer reports it.
cdef greenlet _last = getcurrent()


cdef class Fiber(greenlet):
    """A greenlet with the state that parking and killing need. The hub and every spawned greenlet are fibers."""

    cpdef object _keep_latch(self, object fresh):
        """Make `fresh` the latch unless the fiber has one; return the latch. May be called from any thread."""
        # Atomic: only C code runs between the test and the store.
        if self._latch is None:
            self._latch = fresh
        return self._latch

    cdef object _execute(self):
        raise NotImplementedError(f"{type(self).__name__} has nothing to run")


cdef object _execute(object fiber):
    return (<Fiber>fiber)._execute()


cpdef object execute_current():
    """Run the body of the running greenlet. The first switch to it calls this.

    This is not a method: a started greenlet would keep a reference to a bound method until it ends.

    Until CPython 3.13, pthread_exit(3) ends a native thread that asks for the GIL while the interpreter is being
    finalized, and unwinds its C stack. The unwinding stops in this frame, since the frames above it belong to other
    greenlets, and the thread sleeps forever.
    """
    cdef Fiber fiber = PyGreenlet_GetCurrent()
    return greenrt_run_guarded(_execute, fiber)


cpdef greenlet current():
    """Return the running greenlet of this thread. Raises RuntimeError once the interpreter is being finalized."""
    return PyGreenlet_GetCurrent()


cpdef greenlet current_or_none():
    """Return the running greenlet of this thread; None once the interpreter is being finalized."""
    # Some versions of greenlet make the same test.
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
    """Return the running greenlet; once the interpreter is being finalized, the main greenlet of the main thread.

    For ownership checks only. Code that may switch uses `current` or `current_or_none`, since daemon threads no
    longer run during finalization.
    """
    cdef greenlet running = current_or_none()
    return _last if running is None else running


cpdef size_t current_id() noexcept:
    """Return the id() of the greenlet that `current_or_last` returns. A reference would keep the greenlet alive."""
    # Each lock calls this, so it does without the references of `current_or_last`.
    cdef PyObject *found = NULL if Py_IsFinalizing() else <PyObject *>try_current()
    if found == NULL:
        PyErr_Clear()
        return <size_t><PyObject *>_last
    Py_XDECREF(found)
    return <size_t>found


cpdef bint is_finalizing() noexcept:
    """Return whether the interpreter is being finalized: no other thread runs, and modules lose their names."""
    return Py_IsFinalizing()


cpdef Fiber as_fiber(object target):
    """Return `target` if it is a Fiber, else None."""
    return <Fiber>target if isinstance(target, Fiber) else None


cpdef object resume(greenlet target):
    """Switch to `target`; return the value of the switch back, or raise the exception that is thrown here."""
    return PyGreenlet_Switch(target, NULL, NULL)


cpdef size_t hold(greenlet target) noexcept:
    """Return a reference to `target`, an active greenlet. The next call must pass it to `resume_held`."""
    Py_INCREF(target)
    return <size_t><PyObject *>target


cpdef object resume_held(size_t held):
    """Resume the active greenlet that `hold` returned. The call keeps no reference while the caller is suspended."""
    cdef PyObject *target = <PyObject *>held
    if count_references(target) > 1:
        # The greenlet's suspended frames refer to it, by way of its park. The greenlet library runs no code that
        # could end these frames before the greenlet runs, and it does not use its argument after the switch.
        drop(target)
        return switch_to_borrowed(target, NULL, NULL)
    cdef greenlet kept = <greenlet>target
    drop(target)
    return PyGreenlet_Switch(kept, NULL, NULL)


cpdef object throw_into(greenlet target, object error):
    """Raise the exception instance `error` in `target`; return the value of the switch back."""
    cdef object kind = type(error)
    return PyGreenlet_Throw(target, <PyObject *>kind, <PyObject *>error, NULL)


cpdef bint is_active(greenlet target):
    """Return whether `target` has started and has not finished."""
    return PyGreenlet_ACTIVE(target)


cpdef bint has_started(greenlet target):
    """Return whether `target` has run, or an exception was thrown into it before: it can't be started again."""
    return PyGreenlet_STARTED(target)


cpdef dict namespace_of(greenlet target):
    """Return the `__dict__` of a greenlet, whatever its class has under this name."""
    return PyObject_GenericGetDict(target, NULL)


cpdef object code_of(object function):
    """Return the code object of a Python function or method; None for other callables."""
    if PyMethod_Check(function):
        function = <object>PyMethod_GET_FUNCTION(function)
    return <object>PyFunction_GET_CODE(function) if PyFunction_Check(function) else None


# The globals of the modules that spawn on behalf of their callers.
cdef list _on_behalf = []


cpdef spawns_on_behalf(dict names):
    """Let frames with these globals count as no place of spawning: their callers' lines are recorded instead."""
    cdef object each
    for each in _on_behalf:
        if each is names:
            return
    _on_behalf.append(names)


cdef bint _is_on_behalf(PyFrameObject *frame):
    cdef PyObject *names = PyFrame_GetGlobals(frame)
    cdef object each
    # The frame keeps them alive.
    Py_XDECREF(names)
    for each in _on_behalf:
        if <PyObject *>each == names:
            return True
    return False


cpdef attach_to_hub(Fiber target, object hub):
    """Make `hub` the parent of a new greenlet, copy the current context (contextvars), record the caller's line."""
    cdef PyThreadState *state = PyThreadState_Get()
    cdef PyFrameObject *frame = PyThreadState_GetFrame(state)
    cdef PyFrameObject *outer
    cdef PyObject *code
    PyGreenlet_SetParent(target, hub)
    target.hub = hub
    # Without a context here, the greenlet makes its own when it needs one.
    if state.context != NULL:
        target.gr_context = PyContext_CopyCurrent()
    while frame != NULL and _is_on_behalf(frame):
        outer = PyFrame_GetBack(frame)
        if outer == NULL:
            break
        Py_XDECREF(<PyObject *>frame)
        frame = outer
    if frame != NULL:
        code = <PyObject *>PyFrame_GetCode(frame)
        target._site_code = <object>code
        target._site_offset = PyFrame_GetLasti(frame)
        Py_XDECREF(code)
        Py_XDECREF(<PyObject *>frame)
