"""Layer 1: every line that touches a C API. Each ``X.pyx`` has a plain Python twin ``X.py`` of the same names."""
