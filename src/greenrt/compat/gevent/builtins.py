"""gevent.builtins: the standard builtins, none of which has to be patched."""

from builtins import *  # noqa: F403, UP029

__implements__: list[str] = []
