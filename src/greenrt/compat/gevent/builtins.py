"""gevent.builtins: the standard builtins, none of which has to be patched."""

from builtins import *  # noqa: F403, UP029
from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names

__implements__: list[str] = []

__getattr__: Callable[[str], Any] = missing_names(__name__)
