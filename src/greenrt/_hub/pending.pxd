from greenrt._hub.park cimport HubCore, shadow, state_of
from greenrt._native.switch cimport Fiber, current, greenlet as greenlet_t


cdef _keep(greenlet_t target, object error)
cpdef bint deliver(HubCore hub, greenlet_t target, object error) except -1
cpdef postpone(object error)
cpdef take_back(greenlet_t target, object error)
