"""HTTP/1.1 as `WSGIServer` speaks it."""
