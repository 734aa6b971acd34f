cpdef begin_frames()
