import cython

from greenrt._hub.guarded cimport Guarded, WaitList
from greenrt._hub.park cimport Park, as_seconds, in_hub, new_park


cdef int GET, PUT, ADD, SERVE, JOIN, DONE, SHUT


cdef class SimpleQueue(Guarded):
    cdef Py_ssize_t _limit
    cdef Py_ssize_t _unfinished
    cdef readonly WaitList getters
    cdef readonly WaitList putters
    cdef WaitList _joiners
    cdef readonly bint is_shutdown
    cdef public object queue

    cdef _set_up(self, object maxsize, object items)
    cpdef Py_ssize_t _qsize(self) except -1
    cpdef _put(self, object item)
    cpdef object _get(self)
    cpdef object _peek(self)
    cpdef bint full(self) except -1
    cdef bint _put_now(self, object item) except -1
    @cython.locals(park=Park)
    cdef object _next(self, bint block, object timeout, object purpose)
    cdef int _refuse_if_shut(self) except -1
    @cython.locals(park=Park)
    cpdef _apply(self, int code, object operand)
    @cython.locals(park=Park, getters=WaitList, putters=WaitList, waiting=WaitList)
    cdef _serve(self)
    cdef _hand_out(self, Park park)
    cdef _take_in(self, Park park, object item)
    cdef _add(self, object item)
    cdef bint _count_done(self) except -1
    @cython.locals(joiners=WaitList)
    cdef _wake_joiners(self)
    cdef _shut(self, list dropped)


cdef class Queue(SimpleQueue):
    pass


cdef class LifoQueue(Queue):
    pass


cdef class PriorityQueue(Queue):
    pass
