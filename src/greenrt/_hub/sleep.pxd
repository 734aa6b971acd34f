from greenrt._hub.park cimport LastPark, NativePark, new_park, yield_now
import cython

from greenrt._hub.park cimport Park


cpdef object sleep(object seconds=*, bint ref=*)
@cython.locals(park=Park)
cdef _sleep_for(object seconds, bint ref)
