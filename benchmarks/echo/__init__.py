"""The echo benchmark's parts: the servers, and the C programs that load them and mark the ceiling."""
