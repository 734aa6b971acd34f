"""eventlet.green.profile: the standard module `profile`. It profiles the greenthread that runs it."""

from profile import *  # noqa: F403
from profile import Profile, run, runctx

__all__ = ["Profile", "run", "runctx"]
