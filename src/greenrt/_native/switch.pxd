
cdef extern from "greenlet.h":
    ctypedef class greenlet.greenlet [object PyGreenlet]:
        pass


cdef class Fiber(greenlet):
    cdef public object hub
    cdef public object _park
    cdef public object _pending
    cdef public object _locals
    # Set when the fiber ends; made when the first greenlet waits for that.
    cdef public object _latch
    # The place where it was spawned: code object and instruction offset (bytes); rendered on request.
    cdef public object _site_code
    cdef public int _site_offset
    # Whether its entry in the run queue is valid, and whether it has started.
    cdef public bint _queued
    cdef public bint _begun

    cpdef object _keep_latch(self, object fresh)
    cdef object _execute(self)


cpdef greenlet current()
cpdef greenlet current_or_none()
cpdef greenlet current_or_last()
cpdef size_t current_id() noexcept
cpdef bint is_finalizing() noexcept
cpdef object execute_current()
cpdef Fiber as_fiber(object target)
cpdef object resume(greenlet target)
cpdef size_t hold(greenlet target) noexcept
cpdef object resume_held(size_t held)
cpdef object throw_into(greenlet target, object error)
cpdef bint is_active(greenlet target)
cpdef bint has_started(greenlet target)
cpdef dict namespace_of(greenlet target)
cpdef object code_of(object function)
cpdef spawns_on_behalf(dict names)
cpdef attach_to_hub(Fiber target, object hub)
