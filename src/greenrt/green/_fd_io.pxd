from greenrt._hub.fd_wait cimport give_way
from greenrt._native.switch cimport ending


cdef object _close, _read, _write
