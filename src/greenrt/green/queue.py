"""The standard library's `queue` module over cooperative locks. SimpleQueue, which is C there, has a new class."""

import queue as _stdlib
import sys

from greenrt import _original
from greenrt._typing import Any, TypeVar
from greenrt.green import threading as _threading
from greenrt.green._queue_calls import METHODS, SIMPLE_METHODS
from greenrt.green._twin import public_names
from greenrt.sync.queue import SimpleQueue as _SimpleQueue

_module: Any = _original.private_module("queue")
_module.threading = _threading
# Both modules have the same exceptions: code that catches queue.Empty also catches this one.
_module.Empty = _stdlib.Empty
_module.Full = _stdlib.Full
if hasattr(_stdlib, "ShutDown"):
    _module.ShutDown = _stdlib.ShutDown
for _name, _method in METHODS.items():
    setattr(_module.Queue, _name, _method)

__all__ = public_names(_stdlib)

_T = TypeVar("_T")

globals().update({name: getattr(_module, name) for name in __all__})


class SimpleQueue(_SimpleQueue[_T]):
    """`queue.SimpleQueue`: unbounded, first in, first out. Finalizers may call `put`."""

    __slots__ = ()
    # The name of the standard module.
    __module__ = _stdlib.SimpleQueue.__module__

    locals().update(SIMPLE_METHODS)

    def __repr__(self) -> str:
        return object.__repr__(self)

    def __sizeof__(self) -> int:
        """Return the size with that of the list of items, which is a separate object here. See `sys.getsizeof`."""
        return super().__sizeof__() + sys.getsizeof(self.queue)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle '_queue.SimpleQueue' object")


SimpleQueue.__doc__ = _stdlib.SimpleQueue.__doc__

# What patching replaces in the standard module's dict. Its other classes get green locks and METHODS.
FUNCTIONS: dict[str, Any] = {"SimpleQueue": SimpleQueue}


def renew_c_module(module: Any) -> None:
    """Set the cooperative SimpleQueue and its exception in a copy of the C module `_queue`."""
    module.SimpleQueue = SimpleQueue
    module.Empty = _stdlib.Empty


def __getattr__(name: str) -> Any:
    return getattr(_module, name)
