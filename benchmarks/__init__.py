"""Benchmarks of greenrt against its rivals: one script an area, one command line. See README.md."""
