from greenrt._native.switch cimport is_finalizing
from greenrt._native.thread cimport get_slot, set_slot


cpdef object get_hub()
cpdef object get_hub_if_exists()
