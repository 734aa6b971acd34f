"""The state of patching: what was replaced, by what, and where that was impossible."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, ModuleType

from greenrt.monkey.attributes import type_name
from greenrt.monkey.subscribers import announcing
from greenrt.monkey.sweep import Pairs, left, sweep

from greenrt import _original
from greenrt._bare import module_of
from greenrt._freeze import hidden_objects
from greenrt._native.unbound import unbound
from greenrt._typing import Any
from greenrt.green._twin import set_methods

__all__ = [
    "get_original",
    "is_anything_patched",
    "is_module_patched",
    "is_object_patched",
    "note",
    "note_classes",
    "one_sweep",
    "patch_methods",
    "patch_module",
    "patched_modules",
    "patched_names",
    "replace",
    "replace_together",
    "report",
    "save",
]

# The originals, by module name and name.
_saved: dict[str, dict[str, Any]] = {}

# Descriptions of what patching could not do.
_notes: list[str] = []

# The objects that the sweep at the end of `one_sweep` looks for; None outside of it.
_pending: Pairs | None = None


def note(text: str) -> None:
    """Add a line to the report."""
    _notes.append(text)


def note_classes(base: Any, name: str, what: str, apart: Iterable[str] = ()) -> None:
    """Report the classes derived from `base`, which is called `name`, except those in the modules `apart`.

    `what` is the consequence.
    """
    for kind in base.__subclasses__():
        if module_of(kind) not in apart:
            note(f"not made green: the class {type_name(kind)}, derived from {name} before patching: {what}")


def report() -> list[str]:
    """Return lines that say what is patched and what could not be.

    Copies of functions in containers, closures, instances and `functools.partial` stay the original functions, and
    are listed. References in the local variables of running functions can't be reached. The call takes some 50 ms,
    because it inspects all objects that the garbage collector knows. It lists no copies in objects that `gc.freeze`
    hides from it, and says how many these are.
    """
    patched = [f"patched: {name}: {', '.join(sorted(items))}" for name, items in sorted(_saved.items())]
    frozen = hidden_objects()
    hidden = (
        [f"gc.freeze() hides {frozen} objects: copies of functions in them are not listed"] if frozen else []
    )
    return [*patched, *_notes, *hidden, *left(_saved)]


def is_module_patched(mod_name: str) -> bool:
    """Return whether anything of the module was patched."""
    return mod_name in _saved


def is_object_patched(mod_name: str, item_name: str) -> bool:
    """Return whether this name of the module was patched."""
    return item_name in _saved.get(mod_name, ())


def is_anything_patched() -> bool:
    """Return whether anything was patched."""
    return bool(_saved)


def patched_modules() -> list[str]:
    """Return the names of the modules of which something was patched."""
    return list(_saved)


def patched_names(mod_name: str) -> list[str]:
    """Return the names of the module that were patched."""
    return list(_saved.get(mod_name, ()))


def save(module: ModuleType, name: str) -> None:
    """Keep the object that `module` has under `name` for `get_original`, unless one is kept already."""
    _saved.setdefault(module.__name__, {}).setdefault(name, getattr(module, name))


def get_original(mod_name: str, item_name: str | Iterable[str]) -> Any:
    """Return the unpatched object of a name of a module; for several names, a list.

    For a class that is patched in place, the result is a second copy of it. Its instances are no instances of the
    patched class (``get_original("socket", "socket")``).
    """
    names = [item_name] if isinstance(item_name, str) else list(item_name)
    found = [_get_one(mod_name, name) for name in names]
    return found[0] if isinstance(item_name, str) else found


def _get_one(mod_name: str, name: str) -> Any:
    saved = _saved.get(mod_name, {})
    if name in saved:
        if saved[name] is _IN_PLACE:
            module = import_module(mod_name)
            # The modules of a package can't be loaded twice. The class that is patched in place is the only one.
            in_package = hasattr(module, "__path__") or "." in mod_name
            return getattr(module if in_package else _original.private_module(mod_name), name)
        return saved[name]
    return getattr(import_module(mod_name), name)


_IN_PLACE: Any = object()


def replace(module: ModuleType, items: Mapping[str, Any], copies: bool = True) -> None:
    """Replace names of `module` and, with `copies`, the copies in other modules. Idempotent."""
    swept = _put(module, items)
    if copies:
        _sweep_now_or_later(swept)


def replace_together(*parts: tuple[ModuleType, Mapping[str, Any]]) -> None:
    """Replace names of modules that share objects: none of them counts as a copier of the others' names."""
    swept: Pairs = {}
    for module, items in parts:
        swept.update(_put(module, items))
    _sweep_now_or_later(swept)


@contextmanager
def one_sweep() -> Iterator[None]:
    """Rebind the copies of all objects replaced in the block once, at its end: each sweep inspects all modules."""
    global _pending
    if _pending is not None:
        yield
        return
    _pending = {}
    try:
        yield
    finally:
        swept, _pending = _pending, None
        _sweep_now_or_later(swept)


def _sweep_now_or_later(swept: Pairs) -> None:
    if _pending is not None:
        # An object that two modules share was replaced for the first one.
        _pending.update({key: pair for key, pair in swept.items() if key not in _pending})
    elif swept:
        _notes.extend(sweep(swept))


def _put(module: ModuleType, items: Mapping[str, Any]) -> Pairs:
    """Replace names of the module; return the replaced objects."""
    saved = _saved.setdefault(module.__name__, {})
    swept: Pairs = {}
    for name, new in items.items():
        old = getattr(module, name, None)
        if old is new or name in saved:
            continue
        saved[name] = old
        new = _as_found(new, old, module.__name__)
        setattr(module, name, new)
        swept[id(old)] = (old, new)
    return swept


_UNBOUND = type(unbound(_put))

# The objects that stand for functions that are not to become methods, by the function.
_wrappers: dict[Any, Any] = {}


def _as_found(new: Any, old: Any, module: str) -> Any:
    """Return `new` in a form that can be used like `old`: pickled by its name, and as an attribute of a class.

    A builtin function in a class does not become a method; a Python function would.
    """
    for kind in (FunctionType, BuiltinFunctionType):
        if isinstance(new, kind) and isinstance(old, kind):
            new.__module__ = module
    binds = hasattr(type(new), "__get__") and not isinstance(new, type | staticmethod)
    if binds and isinstance(old, BuiltinFunctionType):
        # One object for the names of several modules: `threading` has copies of names of `_thread`.
        new = _wrappers.setdefault(new, unbound(new))
    if isinstance(new, _UNBOUND):
        new.__module__ = module
    return new


def patch_methods(module: ModuleType, name: str, methods: Mapping[str, Any]) -> None:
    """Replace methods of the class `name` of `module`, on the class itself. Idempotent."""
    saved = _saved.setdefault(module.__name__, {})
    if name not in saved:
        saved[name] = _IN_PLACE
        set_methods(getattr(module, name), methods)


def patch_module(
    target_module: ModuleType, source_module: ModuleType, items: Iterable[str] | None = None
) -> None:
    """Replace names of `target_module` by those of `source_module`: `items`, or its ``__implements__``.

    Raise AttributeError if there are neither.
    """
    names = getattr(source_module, "__implements__", None) if items is None else items
    if names is None:
        raise AttributeError(f"{source_module.__name__} has no __implements__; pass the items to patch")
    new = {name: getattr(source_module, name) for name in names}
    announcing(target_module.__name__, lambda: replace(target_module, new))
