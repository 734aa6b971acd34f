from cpython.object cimport PyObject


cdef extern from "greenlet.h":
    ctypedef class greenlet.greenlet [object PyGreenlet]:
        pass


cdef class Fiber(greenlet):
    cdef public object hub
    cdef public object park
    cdef public object pending
    cdef public dict locals


cpdef greenlet current()
cpdef object resume(greenlet target)
cpdef object throw_into(greenlet target, object error)
cpdef bint is_active(greenlet target)
cpdef start_in(Fiber target, object hub)
