"""greenrt's patching with gevent's names, events and results."""

import importlib
import queue as _queue
import warnings
from collections.abc import Callable, Iterable
from types import ModuleType

from greenrt._typing import Any
from greenrt.compat.gevent import events, queue
from greenrt.compat.gevent.monkey._saved import save
from greenrt.monkey import MonkeyPatchWarning, is_module_patched
from greenrt.monkey import get_original as _get_original
from greenrt.monkey import is_object_patched as _is_object_patched
from greenrt.monkey import patches as _patches
from greenrt.monkey.state import one_sweep

__all__ = [
    "get_original",
    "is_object_patched",
    "patch_all",
    "patch_builtins",
    "patch_contextvars",
    "patch_dns",
    "patch_item",
    "patch_module",
    "patch_os",
    "patch_queue",
    "patch_select",
    "patch_selectors",
    "patch_signal",
    "patch_socket",
    "patch_ssl",
    "patch_subprocess",
    "patch_sys",
    "patch_thread",
    "patch_time",
    "remove_item",
]


def get_original(mod_name: str | Iterable[str], item_name: str | Iterable[str]) -> Any:
    """Return the unpatched object of a name of a module; for several names, a list.

    mod_name: the module, or several, of which the first that can be imported is taken. ImportError if none can be.
    """
    if isinstance(mod_name, str):
        return _get_original(mod_name, item_name)
    error: ImportError | None = None
    for name in mod_name:
        try:
            return _get_original(name, item_name)
        except ImportError as failure:
            error = failure
    raise error if error is not None else ImportError("no module is given")


# Names that patching leaves alone, as their objects cooperate over what it replaces.
_COOPERATIVE = {
    "threading": frozenset(
        ("BoundedSemaphore", "Condition", "Event", "Semaphore", "Thread", "Timer", "_DummyThread")
    )
}


def is_object_patched(mod_name: str, item_name: str) -> bool:
    """Return whether the object of this name cooperates by patching."""
    return _is_object_patched(mod_name, item_name) or (
        is_module_patched(mod_name) and item_name in _COOPERATIVE.get(mod_name, ())
    )


def patch_item(module: ModuleType, attr: str, newitem: object) -> None:
    """Set a name of a module, and keep its object for `get_original`."""
    save(module, attr)
    setattr(module, attr, newitem)


def remove_item(module: ModuleType, attr: str) -> None:
    """Remove a name from a module, if it has it, and keep its object for `get_original`."""
    if hasattr(module, attr):
        save(module, attr)
        delattr(module, attr)


def patch_module(
    target_module: ModuleType,
    source_module: ModuleType,
    items: list[str] | None = None,
    _warnings: Any = None,
    _patch_kwargs: Any = None,
    _notify_will_subscribers: bool = True,
    _notify_did_subscribers: bool = True,
    _call_hooks: bool = True,
) -> bool:
    """Replace names of `target_module` by those of `source_module`: `items`, or its ``__implements__``.

    Return True; False if a subscriber or the source module's hook raises DoNotPatch. The hooks are
    ``_gevent_will_monkey_patch(target_module, items, warn)`` and ``_gevent_did_monkey_patch``. Raise AttributeError
    if there are no names.
    """
    if items is None:
        items = getattr(source_module, "__implements__", None)
        if items is None:
            raise AttributeError(f"{source_module.__name__!r} has no __implements__; pass the items to patch")
    try:
        if _call_hooks:
            _call_hook(source_module, "will", target_module, items)
        if _notify_will_subscribers:
            events.notify_and_call_entry_points(
                events.GeventWillPatchModuleEvent(target_module.__name__, source_module, target_module, items)
            )
    except events.DoNotPatch:
        return False
    for name in items:
        patch_item(target_module, name, getattr(source_module, name))
    if _call_hooks:
        _call_hook(source_module, "did", target_module, items)
    if _notify_did_subscribers:
        events.notify_and_call_entry_points(
            events.GeventDidPatchModuleEvent(target_module.__name__, source_module, target_module)
        )
    return True


def _call_hook(source: ModuleType, when: str, target: ModuleType, items: list[str]) -> None:
    hook = getattr(source, f"_gevent_{when}_monkey_patch", None)
    if hook is not None:
        hook(target, items, _warn)


def _warn(text: str) -> None:
    warnings.warn(text, MonkeyPatchWarning, stacklevel=3)


def _announced(name: str, patch: Callable[[], object], source: str = "") -> bool:
    """Call `patch` between the events of the module `name`; return False if a subscriber raises DoNotPatch."""
    target = importlib.import_module(name)
    module = importlib.import_module(f"{__package__.rpartition('.')[0]}.{source or name}")
    try:
        events.notify_and_call_entry_points(
            events.GeventWillPatchModuleEvent(name, module, target, list(module.__implements__))
        )
    except events.DoNotPatch:
        return False
    patch()
    events.notify_and_call_entry_points(events.GeventDidPatchModuleEvent(name, module, target))
    return True


def patch_os() -> None:
    """Patch `os`; see `greenrt.monkey.patch_os`."""
    _announced("os", _patches.patch_os)


def patch_queue() -> None:
    """Patch `queue`, as `greenrt.monkey.patch_queue` does, and give it gevent's classes of queues."""

    def patch() -> None:
        _patches.patch_queue()
        for name in queue.__implements__:
            patch_item(_queue, name, getattr(queue, name))

    _announced("queue", patch)


def patch_time() -> None:
    """Patch `time`."""
    _announced("time", _patches.patch_time)


def patch_thread(
    threading: bool = True,
    _threading_local: bool = True,
    Event: bool = True,
    logging: bool = True,
    existing_locks: bool = True,
    _warnings: Any = None,
) -> None:
    """Patch `_thread` and the functions under `threading`; see `greenrt.monkey.patch_thread`."""

    def patch() -> None:
        _patches.patch_thread(threading, _threading_local, Event, logging, existing_locks)

    if _announced("_thread", patch, "thread") and threading:
        _announced("threading", patch)


def patch_socket(dns: bool = True, aggressive: bool = True) -> None:
    """Patch `socket`; the name functions only with `dns`."""
    _announced("socket", lambda: _patches.patch_socket(dns, aggressive))


def patch_dns() -> None:
    """Patch the name functions of `socket`."""
    _announced("socket", _patches.patch_dns)


def patch_ssl(_warnings: Any = None, _first_time: bool = True) -> None:
    """Patch `ssl`."""
    _announced("ssl", _patches.patch_ssl)


def patch_select(aggressive: bool = True) -> None:
    """Patch `select`."""
    _announced("select", lambda: _patches.patch_select(aggressive))
    patch_selectors(aggressive)


def patch_selectors(aggressive: bool = True) -> None:
    """Announce `selectors`, which `patch_select` has patched."""
    if is_module_patched("select"):
        _announced("selectors", lambda: None)


def patch_subprocess() -> None:
    """Patch `subprocess`."""
    _announced("subprocess", _patches.patch_subprocess)


def patch_signal() -> None:
    """Patch `signal`."""
    _announced("signal", _patches.patch_signal)


def patch_builtins() -> None:
    """Do nothing: Python 3 has an import lock for each module."""


def patch_contextvars() -> None:
    """Do nothing: greenlets have contexts of their own."""


def patch_sys(stdin: bool = True, stdout: bool = True, stderr: bool = True) -> None:
    """Do nothing: `patch_os` makes `sys.stdin` cooperative."""


# What the calls of `patch_all` have patched, and left alone, by the names of its arguments.
_done: dict[str, bool] = {}


def _to_patch(asked: dict[str, bool]) -> dict[str, bool]:
    """Return what is left to patch: all of `asked` for the first call, then what no call has patched before."""
    if not _done:
        left = dict(asked)
    else:
        if asked != _done:
            _warn("patch_all was called before with other arguments; what any call asks for is patched")
        left = {name: wanted for name, wanted in asked.items() if wanted and not _done[name]}
    _done.update({name: wanted or _done.get(name, False) for name, wanted in asked.items()})
    return left


def patch_all(
    socket: bool = True,
    dns: bool = True,
    time: bool = True,
    select: bool = True,
    thread: bool = True,
    os: bool = True,
    ssl: bool = True,
    subprocess: bool = True,
    sys: bool = False,
    aggressive: bool = True,
    Event: bool = True,
    builtins: bool = True,
    signal: bool = True,
    queue: bool = True,
    contextvars: bool = True,
    **kwargs: Any,
) -> bool | None:
    """Patch time, thread, socket, dns, ssl, select, queue, os, subprocess and signal. Idempotent.

    Each argument switches one part on or off. Return True; False if a subscriber raises DoNotPatch; None if earlier
    calls have patched all of it. A call with other arguments than an earlier one warns.
    """
    asked = {name: bool(value) for name, value in locals().items() if name != "kwargs"}
    left = _to_patch(asked)
    if not left:
        return None
    if left.get("signal") and not asked["os"]:
        _warn("Patching signal but not os: a handler of SIGCHLD may miss children that os.fork made")
    try:
        events.notify_and_call_entry_points(events.GeventWillPatchAllEvent(left, kwargs))
    except events.DoNotPatch:
        return False
    with one_sweep():
        for name, patch in (
            ("os", patch_os),
            ("thread", lambda: patch_thread(Event=Event)),
            ("time", patch_time),
            ("sys", patch_sys),
            ("socket", lambda: patch_socket(dns=dns, aggressive=aggressive)),
            ("dns", patch_dns),
            ("select", lambda: patch_select(aggressive=aggressive)),
            ("ssl", patch_ssl),
            ("subprocess", patch_subprocess),
            ("builtins", patch_builtins),
            ("signal", patch_signal),
            ("queue", patch_queue),
            ("contextvars", patch_contextvars),
        ):
            # patch_socket has patched the name functions too.
            if left.get(name) and not (name == "dns" and left.get("socket")):
                patch()
        _patches.patch_multiprocessing()
    events.notify_and_call_entry_points(events.GeventDidPatchBuiltinModulesEvent(left, kwargs))
    events.notify_and_call_entry_points(events.GeventDidPatchAllEvent(left, kwargs))
    return True
