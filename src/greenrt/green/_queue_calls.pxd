from greenrt._hub.fd_wait cimport yield_if_due
from greenrt.sync.lock cimport Lock
from greenrt.sync.queue cimport SimpleQueue


cdef object _GREEN_LOCK

cdef bint _is_green(object mutex) except -1
cdef bint _put_now(object queue, Lock mutex, object item) except -1
cdef object _get_now(object queue, Lock mutex)
cdef bint _done_now(object queue, Lock mutex) except -1
cdef object _take_next(SimpleQueue queue, bint block, object timeout)
