"""Events that the loop reports to its waiters, as bits of an int."""

__all__ = ["CLOSED", "EXCEPTIONAL", "READ", "TIMER", "URGENT", "WRITE"]

# The file descriptor is ready for reading or for writing. The values are libev's.
READ = 1
WRITE = 2
# A deadline has passed.
TIMER = 4
# The file descriptor is being closed. This is no event of the kernel.
CLOSED = 8
# An end of file, a hangup, an error or urgent data. A backend may report it only once. It comes with READ, WRITE or
# URGENT; a level-triggered waiter may also wait for it alone.
EXCEPTIONAL = 16
# Urgent data, the exceptional condition of select(2). Only for level-triggered waiters of the epoll backend.
URGENT = 32
