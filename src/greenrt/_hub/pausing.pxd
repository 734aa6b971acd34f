cpdef object sleep(object seconds=*, bint ref=*)
