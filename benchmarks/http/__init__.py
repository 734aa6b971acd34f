"""The programs of the HTTP benchmark."""
