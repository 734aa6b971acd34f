"""The command ``greenrt``."""
