import cython

from greenrt._hub.guard cimport Guarded, WaitList
from greenrt._hub.latch cimport Latch
from greenrt._hub.park cimport Park, new_park


cdef int GET, PUT, SERVE, DONE


cdef class SimpleQueue(Guarded):
    cdef Py_ssize_t _limit
    cdef WaitList _getters
    cdef WaitList _putters
    cdef public object _items
    cdef bint _shut
    cdef Py_ssize_t _unfinished

    cpdef _setup(self, Py_ssize_t limit, object items)
    cpdef _init(self, object maxsize)
    cpdef Py_ssize_t _qsize(self) except -1
    cpdef _put(self, object item)
    cpdef object _get(self)
    cpdef object _peek(self)
    cdef bint _is_full(self) except -1
    cdef bint _accept(self, object item) except -1
    @cython.locals(park=Park)
    cdef object _next(self, object block, object timeout, object purpose)
    @cython.locals(park=Park, getters=WaitList, putters=WaitList)
    cdef _serve(self)
    cdef _hand_out(self, Park park)
    cdef _take_in(self, Park park)
    cdef _count_put(self)
    cdef _count_done(self, Py_ssize_t count)


cdef class Queue(SimpleQueue):
    cdef Latch _all_done


cdef class LifoQueue(Queue):
    pass


cdef class PriorityQueue(Queue):
    pass
