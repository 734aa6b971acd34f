"""The places where the public signatures have the type Any, found in the sources."""

import ast
from collections.abc import Iterator

from support import public
from support.build import ROOT, SOURCE

__all__ = ["places"]

# Special methods that a program calls by an operator or a statement.
_SPECIAL = {"__init__", "__call__", "__enter__", "__iter__", "__next__", "__getitem__", "__getattr__"}


def places() -> set[str]:
    """Return ``name.of.function(parameter)``, ``name.of.function()`` for a result and ``name.of.class.attribute``.

    The twins of standard modules are left out: their signatures are those of the standard library.
    """
    found: set[str] = set()
    for name, thing in public.exported().items():
        home = getattr(thing, "__module__", None) or ""
        if not home.startswith("greenrt.") or name.startswith("greenrt.green."):
            continue
        if isinstance(thing, type):
            for kind in thing.__mro__:
                if kind.__module__.startswith("greenrt."):
                    found.update(_in_class(kind.__name__, kind.__module__))
        elif callable(thing):
            found.update(_in_functions(thing.__name__, f"{home}.{thing.__name__}", _body(home)))
    return found


def _body(module: str) -> list[ast.stmt]:
    names = module.split(".")[1:]
    path = ROOT.joinpath(*names) if names[0] == "monkey" else SOURCE.joinpath(*names)
    return ast.parse(path.with_suffix(".py").read_text()).body


def _in_class(name: str, module: str) -> Iterator[str]:
    for node in _body(module):
        if isinstance(node, ast.ClassDef) and node.name == name:
            here = f"{module}.{name}"
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            for method in {method.name for method in methods}:
                if method in _SPECIAL or not method.startswith("_"):
                    yield from _in_functions(method, f"{here}.{method}", node.body)
            for item in ast.walk(node):
                if isinstance(item, ast.AnnAssign) and _has_any(item.annotation):
                    target = item.target
                    attribute = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "_")
                    of_self = isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self"
                    if not attribute.startswith("_") and (of_self or item in node.body):
                        yield f"{here}.{attribute}"


def _in_functions(name: str, full_name: str, body: list[ast.stmt]) -> Iterator[str]:
    """Look at a function, or at its overloads: then the implementation is no public signature."""
    found = [item for item in body if isinstance(item, ast.FunctionDef) and item.name == name]
    overloads = [
        item for item in found if any(getattr(mark, "id", "") == "overload" for mark in item.decorator_list)
    ]
    for function in overloads or found:
        arguments = function.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for prefix, argument in [("", item) for item in named] + [
            ("*", arguments.vararg),
            ("**", arguments.kwarg),
        ]:
            if argument is not None and _has_any(argument.annotation):
                yield f"{full_name}({prefix}{argument.arg})"
        if _has_any(function.returns):
            yield f"{full_name}()"


def _has_any(annotation: ast.expr | None) -> bool:
    if annotation is None:
        return False
    if any(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(annotation)):
        return True
    return any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and "Any" in node.value
        for node in ast.walk(annotation)
    )
