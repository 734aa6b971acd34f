"""A write that wakes up a sleeping loop, made without releasing the GIL.

The write never blocks, so a release would not help other threads. It would let the loop run before the posting thread
is done: that thread would lose its turn, and share the posted object with the loop.
"""

from posix.unistd cimport write


cpdef ping(int fd):
    """Make `fd`, the non-blocking write end of a pipe or an eventfd(2), readable for its reader.

    Ignores errors: a full pipe is readable already, and a closed one has no reader.
    """
    # An eventfd requires eight bytes; a pipe accepts them.
    write(fd, b"\1\0\0\0\0\0\0\0", 8)
