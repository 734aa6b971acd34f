import cython

from greenrt._hub.park cimport shadow, state_of
from greenrt._native.attributes cimport Attributes
from greenrt._native.switch cimport Fiber, as_fiber, current_or_last, greenlet as greenlet_t


cdef int FEW


cdef class Holder:
    cdef object key
    cdef list homes
    cdef Py_ssize_t many

    cdef add(self, local home)
    cdef _forget_the_gone(self)
    @cython.locals(home=local)
    cdef _empty(self)


@cython.locals(fiber=Fiber, holder=Holder)
cdef Holder _holder_of(greenlet_t target)


cdef class local(Attributes):
    cdef object __weakref__
    cdef tuple _local_args
    cdef dict _local_dicts
    cdef dict _local_kwargs

    @cython.locals(running=greenlet_t, fiber=Fiber, holder=Holder, namespace=dict)
    cdef dict _local_namespace(self)
    @cython.locals(running=greenlet_t, holder=Holder, namespace=dict)
    cdef dict _local_add(self)
    @cython.locals(namespace=dict, holder=Holder)
    cdef dict _local_begin(self)


@cython.locals(holder=Holder, home=local)
cpdef list all_local_dicts_for_greenlet(object target)
