"""Cooperative twins of standard library modules, under their names. Modules with an underscore are helpers."""
