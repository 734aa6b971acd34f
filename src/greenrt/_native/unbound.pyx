"""Callables that are not bound when stored on a class, as builtin functions are not."""

from functools import update_wrapper
from types import BuiltinFunctionType


cdef extern from "unbound.h":
    object unbound_new(object function, object at_end)


def unbound(function, at_end=None):
    """Return a callable that forwards calls to `function` and is not bound when stored on a class. Pickled by name.

    It is like `staticmethod`, but adds almost nothing to the cost of a call. A builtin function is returned as it is,
    since it has these properties.

    at_end: called instead of the function while the interpreter is being finalized, if given. Finalizers may call a
    Python function after its module has lost its names; a builtin function works until the end.
    """
    if isinstance(function, BuiltinFunctionType):
        return function
    return update_wrapper(unbound_new(function, at_end), function)
