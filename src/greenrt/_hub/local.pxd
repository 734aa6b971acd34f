import cython

from greenrt._hub.park cimport shadow
from greenrt._native.attributes cimport Attributes
from greenrt._native.switch cimport Fiber, as_fiber, current, greenlet as greenlet_t


cdef int FEW


cdef class Key:
    cdef readonly tuple identity


cdef class Token:
    cdef Key key
    cdef list holders
    cdef Py_ssize_t many

    cdef add(self, greenlet_t holder)
    cdef _forget_the_ended(self)


@cython.locals(fiber=Fiber, everything=dict)
cdef dict _data_of(object holder)


cdef class local(Attributes):
    cdef object __weakref__
    cdef tuple _local_args
    cdef dict _local_kwargs
    cdef Key _local_key
    cdef Token _local_token

    @cython.locals(running=greenlet_t, fiber=Fiber, everything=dict)
    cdef dict _local_namespace(self)
    @cython.locals(running=greenlet_t, fiber=Fiber, namespace=dict)
    cdef dict _local_add(self)
    @cython.locals(namespace=dict)
    cdef dict _local_begin(self)
