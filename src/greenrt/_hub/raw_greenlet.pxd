from greenrt._hub cimport current_hub
from greenrt._loop.loop cimport Loop
from greenrt._native.framecache cimport begin_frames
from greenrt._native.switch cimport Fiber, execute_current, attach_to_hub


cdef class RawGreenlet(Fiber):
    cdef object _function
    cdef tuple _args
    cdef dict _kwargs

    cdef object _execute(self)
