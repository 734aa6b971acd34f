import cython

from greenrt._hub.park cimport Park


@cython.locals(park=Park)
cpdef object sleep(object seconds=*, bint ref=*)
