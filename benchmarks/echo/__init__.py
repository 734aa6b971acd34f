"""The parts of the echo benchmark: the servers, the C load generator, and the C server that shows the upper limit."""
