from greenrt._hub.io cimport give_way
from greenrt._native.switch cimport ending


cdef object _close, _read, _write
