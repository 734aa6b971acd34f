"""The names of resolvers, and the check of ``GREENRT_RESOLVER``.

This module is separate from `resolvers`, which is imported on first use: each new hub runs the check.
"""

import os

__all__ = ["RESOLVER_NAMES", "check_environment"]

RESOLVER_NAMES = ("auto", "ares", "thread", "block")


def check_environment() -> None:
    """Raise ValueError if ``GREENRT_RESOLVER`` names no resolver."""
    name = os.environ.get("GREENRT_RESOLVER")
    if name and name not in RESOLVER_NAMES:
        raise ValueError(f"GREENRT_RESOLVER is {name!r}; use one of {', '.join(RESOLVER_NAMES)}")
