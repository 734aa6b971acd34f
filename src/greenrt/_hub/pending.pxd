from greenrt._hub.park cimport HubCore, shadow
from greenrt._native.switch cimport Fiber, current, greenlet as greenlet_t


cdef _holder(greenlet_t target)
cdef _keep(greenlet_t target, object error)
cpdef bint deliver(HubCore hub, greenlet_t target, object error) except -1
cpdef postpone(object error)
cpdef take_back(greenlet_t target, object error)
