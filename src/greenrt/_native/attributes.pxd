cdef class Attributes:
    cdef dict _local_namespace(self)
