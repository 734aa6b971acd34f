"""Green threads: the `threading.Thread` that a greenlet represents, with its name and target."""

import sys
from types import MethodType

from greenrt._bare import fields_of, instance_namespace, module_of, mro_of, name_of
from greenrt._hub.bare import args_of
from greenrt._hub.greenlet import Greenlet
from greenrt._typing import Any

__all__ = ["call_of_thread", "ends_of_threads", "name_of_thread"]


def ends_of_threads() -> list[tuple[Any, Any]]:
    """Return, for each green thread, the object that its joins wait on, and the thread."""
    module: Any = sys.modules.get("greenrt.green.thread")
    return [] if module is None else list(module.ends_of_threads())


def _is_green_thread(target: Any) -> bool:
    if type(target) is Greenlet:
        return False
    # A program that is not patched need not load the module now.
    module: Any = sys.modules.get("greenrt.green.thread")
    return module is not None and module.is_green_thread(target)


def _fields(target: Any) -> dict[str, Any] | None:
    """Return the attributes of the Thread that the green thread `target` represents, or None.

    A program that calls `_thread.start_new_thread` has no Thread.
    """
    args = args_of(target)
    begin = args[0] if args else None
    if type(begin) is not MethodType:
        return None
    # There may be two such classes: see `greenrt.green.threading`.
    if not any(
        name_of(base) == "Thread" and module_of(base) == "threading" for base in mro_of(type(begin.__self__))
    ):
        return None
    return instance_namespace(begin.__self__)


def _method(kind: type, name: str) -> Any:
    """Return a method of a class without the code that the class may have for lookups."""
    return next(fields_of(base)[name] for base in mro_of(kind) if name in fields_of(base))


def name_of_thread(target: Any) -> str | None:
    """Return the name of the thread that `target` represents; None if it represents none, or one without a name."""
    fields = _fields(target) if _is_green_thread(target) else None
    name = None if fields is None else fields.get("_name")
    return name if type(name) is str else None


def call_of_thread(target: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]] | None:
    """Return what the thread that `target` represents calls, and its arguments; None if it represents none."""
    call = args_of(target) if _is_green_thread(target) else ()
    if not call:
        return None
    function, args, kwargs = call
    fields = _fields(target)
    if fields is None:
        return function, args, kwargs
    called = fields.get("_target")
    if called is None:
        # A subclass defines `run`, or the target has ended.
        return _method(type(function.__self__), "run"), (), {}
    # The program may have passed objects of its own classes.
    args, kwargs = fields.get("_args"), fields.get("_kwargs")
    return called, args if type(args) is tuple else (), kwargs if type(kwargs) is dict else {}
