from greenrt._hub.sleep cimport sleep as _sleep
from greenrt._native.switch cimport is_finalizing


cdef object _native_sleep
