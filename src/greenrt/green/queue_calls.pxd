from greenrt._hub.io cimport give_way
from greenrt.sync.lock cimport Lock


cdef bint _put_now(object queue, Lock mutex, object item) except -1
cdef object _get_now(object queue, Lock mutex)
cdef bint _done_now(object queue, Lock mutex) except -1
