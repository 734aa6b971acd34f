"""The states of an HTTP connection: plain ints, which compiled modules copy into C variables at their import."""

__all__ = ["ACTIVE", "HANDED_OVER", "IDLE", "NEW"]

# The server waits for the first request; nothing was received.
NEW = 0
# The server waits for a further request, of which nothing was received.
IDLE = 1
# A request is being received or answered, or the connection is about to close.
ACTIVE = 2
# The application has the socket, for another protocol; the server neither reads nor writes.
HANDED_OVER = 3
