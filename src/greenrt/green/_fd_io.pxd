from greenrt._hub.fd_wait cimport yield_if_due
from greenrt._native.switch cimport is_finalizing


cdef object _close, _read, _write
