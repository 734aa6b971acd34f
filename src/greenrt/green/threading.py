"""The standard library's `threading` module over cooperative threads and locks. This is a private copy of the module.

Its classes are not those of the public module. Patching makes the public module itself cooperative.
"""

from greenrt import _original
from greenrt._native.switch import spawns_on_behalf
from greenrt._typing import Any
from greenrt.green import thread
from greenrt.green._dummy_threads import forget_dummies
from greenrt.green._thread_end import Sentinel, wait_for_tstate_lock
from greenrt.green._threading_polls import yield_in_polls
from greenrt.green._twin import set_methods

_module = _original.private_module("threading")

# The names in threading of objects from _thread, and their names there. Not all versions have all of them.
_BENEATH: dict[str, str] = {
    "Lock": "allocate_lock",
    "_CRLock": "RLock",
    "_LockType": "LockType",
    "_ThreadHandle": "_ThreadHandle",
    "_allocate_lock": "allocate_lock",
    # Only called for the main thread of a fork's child, which is the thread that forked.
    "_get_main_thread_ident": "get_ident",
    "_make_thread_handle": "_make_thread_handle",
    "_set_name": "set_name",
    "_set_sentinel": "_set_sentinel",
    "_start_joinable_thread": "start_joinable_thread",
    "_start_new_thread": "start_new_thread",
    "_thread_shutdown": "_shutdown",
    "get_ident": "get_ident",
    "local": "_local",
}


# The attribute of a Thread that holds CPython's handle of the native thread; None up to 3.12, which has no handles.
HANDLE: Any = next(
    (name for name in ("_os_thread_handle", "_handle") if hasattr(_module._main_thread, name)), None
)


def replacements(module: Any) -> dict[str, Any]:
    """Return the objects of green threads that replace those of `_thread` in a `threading` module, by their names."""
    return {name: getattr(thread, what) for name, what in _BENEATH.items() if hasattr(module, name)}


def renew_module(module: Any) -> None:
    """Renew the objects that a `threading` module has created from `_thread` before its names were replaced."""
    _renew_module_locks(module)
    _renew_threads(module)
    forget_dummies(module, thread.is_green_thread)
    yield_in_polls(module)
    spawns_on_behalf(vars(module))
    if hasattr(module.Thread, "_wait_for_tstate_lock"):
        set_methods(module.Thread, {"_wait_for_tstate_lock": wait_for_tstate_lock})


def _renew_module_locks(module: Any) -> None:
    # These locks are only held for moments, and are free now: this thread is the only green one.
    module._active_limbo_lock = module.RLock()
    if isinstance(getattr(module, "_DeleteDummyThreadOnDel", None), type):
        # The finalizer has the lock as the default value of its parameter.
        module._DeleteDummyThreadOnDel.__del__.__defaults__ = (module._active_limbo_lock, module._active)
    if hasattr(module, "_shutdown_locks_lock"):
        module._shutdown_locks_lock = module._allocate_lock()
    for name in ("_excepthook_lock",):
        if hasattr(module, name):
            setattr(module, name, module._allocate_lock())


def _renew_threads(module: Any) -> None:
    """Let green threads wait for the main thread, and for threads that were created or started earlier."""
    main = module._main_thread
    for known in list(module._dangling):
        if HANDLE is not None:
            _renew_handle(known, known is main)
        elif known._tstate_lock is not None:
            _renew_sentinel(module, known, known is main)
    for known in module.enumerate():
        started = module.Event()
        if known._started.is_set():
            started.set()
        known._started = started


def _renew_handle(known: Any, is_main: bool) -> None:
    """Replace CPython's handle of a thread (3.13)."""
    native = getattr(known, HANDLE)
    if is_main:
        handle = thread._make_thread_handle(native.ident)
    elif not native.ident:
        handle = thread._ThreadHandle()
    else:
        handle = thread.adopt_handle(native, known.daemon)
    setattr(known, HANDLE, handle)


def _renew_sentinel(module: Any, known: Any, is_main: bool) -> None:
    """Replace the lock that a running thread holds (up to 3.12)."""
    old = known._tstate_lock
    made = Sentinel()
    if is_main:
        made.acquire()
    else:
        made.follow(old)
    known._tstate_lock = made
    with module._shutdown_locks_lock:
        if old in module._shutdown_locks:
            module._shutdown_locks.discard(old)
            module._shutdown_locks.add(made)


for _name, _made in replacements(_module).items():
    setattr(_module, _name, _made)
del _name, _made
renew_module(_module)

__all__ = list(_module.__all__)

globals().update({name: getattr(_module, name) for name in __all__})


def __getattr__(name: str) -> Any:
    return getattr(_module, name)
