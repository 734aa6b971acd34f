"""eventlet.green.urllib: the standard package `urllib`, with cooperative modules."""
