"""Layer 1: all code that uses a C API. Each ``X.pyx`` has a plain Python twin ``X.py`` with the same names."""
