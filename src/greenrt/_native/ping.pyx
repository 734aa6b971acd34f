"""A write that wakes a sleeping loop, made without letting go of the GIL.

It never blocks, so other threads gain nothing by a release; the poster would lose its turn to the loop it wakes, and
what it posted would no longer be the loop's alone.
"""

from posix.unistd cimport write


cpdef ping(int fd):
    """Make `fd`, the non-blocking write end of a pipe or an eventfd(2), readable for its reader.

    No error: if it is full it is readable already, and a closed one has no reader.
    """
    # Eight bytes: an eventfd takes no less, a pipe does not mind.
    write(fd, b"\1\0\0\0\0\0\0\0", 8)
