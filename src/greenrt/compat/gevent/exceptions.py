"""gevent.exceptions: greenrt's exceptions under gevent's names."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.errors import (
    BlockingSwitchOutError,
    ConcurrentObjectUseError,
    GreenletExit,
    HubDestroyed,
    InvalidSwitchError,
    InvalidThreadUseError,
    LoopExit,
)

__all__ = [
    "BlockingSwitchOutError",
    "ConcurrentObjectUseError",
    "GreenletExit",
    "HubDestroyed",
    "InvalidSwitchError",
    "InvalidThreadUseError",
    "LoopExit",
]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
