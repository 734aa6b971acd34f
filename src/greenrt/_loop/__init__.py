"""Layer 2: the event loop and its watchers. This layer uses callbacks and never greenlets."""
