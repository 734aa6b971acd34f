"""An object that keeps its attributes in a dict of another object: the base of greenlet-locals."""

from cpython.object cimport PyObject


cdef extern from "Python.h":
    object _PyObject_GenericGetAttrWithDict(object thing, object name, PyObject *namespace, int suppress)
    int _PyObject_GenericSetAttrWithDict(object thing, object name, PyObject *value, PyObject *namespace) except -1


cdef class Attributes:
    """An object that looks its attributes up in the dict that `_local_namespace` returns.

    Attributes that the body of a subclass defines are shared.
    """

    # Names are not declared as str: a caller may pass any object to these methods, and the C functions reject it.

    cdef dict _local_namespace(self):
        raise NotImplementedError

    def __getattribute__(self, name):
        cdef dict namespace = self._local_namespace()
        if name == "__dict__":
            return namespace
        return _PyObject_GenericGetAttrWithDict(self, name, <PyObject *>namespace, 0)

    def __setattr__(self, name, value):
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        cdef dict namespace = self._local_namespace()
        _PyObject_GenericSetAttrWithDict(self, name, <PyObject *>value, <PyObject *>namespace)

    def __delattr__(self, name):
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        cdef dict namespace = self._local_namespace()
        _PyObject_GenericSetAttrWithDict(self, name, NULL, <PyObject *>namespace)
