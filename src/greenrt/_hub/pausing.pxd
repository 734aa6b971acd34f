from greenrt._hub.park cimport NativePark, new_park, yield_now
import cython

from greenrt._hub.park cimport Park


@cython.locals(park=Park)
cpdef object sleep(object seconds=*, bint ref=*)
