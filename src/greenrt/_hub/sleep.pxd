from greenrt._hub.park cimport LastPark, NativePark, checked_seconds, new_park, yield_now
import cython

from greenrt._hub.park cimport Park


cpdef object sleep(object seconds=*, bint ref=*)
@cython.locals(park=Park, duration=double)
cdef _sleep_for(object seconds, bint ref)
