"""Functions that are no methods where a class has them for attributes, as builtin functions are none."""

from functools import update_wrapper
from types import BuiltinFunctionType


cdef extern from "unbound.h":
    object unbound_new(object function)


def unbound(function):
    """Return a callable that passes calls on to `function`, is not bound by classes, and is pickled by its name.

    As `staticmethod`, but a call costs next to nothing more. A builtin function is all that already.
    """
    if isinstance(function, BuiltinFunctionType):
        return function
    return update_wrapper(unbound_new(function), function)
