"""Programs of the HTTP benchmark."""
