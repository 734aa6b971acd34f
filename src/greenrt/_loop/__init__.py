"""Layer 2: the event loop and its watchers. It knows callbacks, never greenlets."""
