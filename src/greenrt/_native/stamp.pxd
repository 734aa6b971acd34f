cpdef bytes stamp(str path)
