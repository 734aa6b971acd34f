"""The names of resolvers, and the one that the environment names. Apart from `resolvers`, which is imported late."""

import os

__all__ = ["RESOLVER_NAMES", "check_environment"]

RESOLVER_NAMES = ("auto", "ares", "thread", "block")


def check_environment() -> None:
    """Raise ValueError if ``GREENRT_RESOLVER`` names no resolver."""
    name = os.environ.get("GREENRT_RESOLVER")
    if name and name not in RESOLVER_NAMES:
        raise ValueError(f"GREENRT_RESOLVER is {name!r}; use one of {', '.join(RESOLVER_NAMES)}")
