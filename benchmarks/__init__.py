"""Benchmarks of greenrt against its rivals: one script for each area, and one command line. See README.md."""
