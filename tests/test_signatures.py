"""`inspect.signature` works for public callables, in the compiled build too."""

import inspect
import pydoc
from collections.abc import Callable
from typing import Any

import pytest
from support import public

import greenrt
from greenrt.serve import StreamServer

# The twins of standard modules also export functions of these.
CALLABLES: dict[str, Callable[..., Any]] = {
    name: thing
    for name, thing in public.exported().items()
    if callable(thing) and (thing.__module__ or "").startswith("greenrt")
}


def inherits_its_constructor_from_python(thing: object) -> bool:
    """Return whether `thing` is an exception without a constructor of its own: `inspect` knows none before 3.13."""
    if not (isinstance(thing, type) and issubclass(thing, BaseException)):
        return False
    return not any(
        "__init__" in vars(kind) for kind in thing.__mro__ if kind.__module__.startswith("greenrt")
    )


@pytest.mark.parametrize("name", CALLABLES)
def test_a_public_callable_has_a_signature(name: str) -> None:
    if not inherits_its_constructor_from_python(CALLABLES[name]):
        inspect.signature(CALLABLES[name])


@pytest.mark.parametrize("kind", [thing for thing in CALLABLES.values() if isinstance(thing, type)])
def test_the_methods_of_a_public_class_have_signatures(kind: type) -> None:
    for name, method in inspect.getmembers(kind, callable):
        if not name.startswith("_") and (getattr(method, "__module__", None) or "").startswith("greenrt"):
            inspect.signature(method)


def test_the_signature_of_a_class_is_that_of_its_constructor() -> None:
    queue = inspect.signature(greenrt.Queue)
    assert list(queue.parameters) == ["maxsize", "items", "unfinished_tasks"]
    assert [parameter.default for parameter in queue.parameters.values()] == [None, (), None]
    # The constructor of a base.
    assert list(inspect.signature(greenrt.LifoQueue).parameters) == ["maxsize", "items", "unfinished_tasks"]
    greenlet = inspect.signature(greenrt.Greenlet)
    assert [(parameter.name, parameter.kind) for parameter in greenlet.parameters.values()] == [
        ("run", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        ("args", inspect.Parameter.VAR_POSITIONAL),
        ("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
    assert not inspect.signature(greenrt.AsyncResult).parameters


def test_a_signature_tells_which_arguments_fit() -> None:
    inspect.signature(greenrt.Semaphore).bind(2)
    with pytest.raises(TypeError):
        inspect.signature(greenrt.Semaphore).bind(2, None, 3)


def test_the_signature_of_a_subclass_is_that_of_its_own_constructor() -> None:
    class WithInit(greenrt.Queue):
        def __init__(self, name: str) -> None:
            super().__init__()

    class WithNew(greenrt.Event):
        def __new__(cls, name: str) -> "WithNew":
            return super().__new__(cls)

    class WithNeither(greenrt.Semaphore):
        pass

    class Below(WithInit):
        pass

    assert list(inspect.signature(WithInit).parameters) == ["name"]
    assert list(inspect.signature(Below).parameters) == ["name"]
    assert list(inspect.signature(WithNew).parameters) == ["name"]
    assert list(inspect.signature(WithNeither).parameters) == list(
        inspect.signature(greenrt.Semaphore).parameters
    )


def test_an_object_has_no_signature() -> None:
    assert not hasattr(greenrt.Event(), "__signature__")
    assert not hasattr(greenrt.local(), "__signature__")


@pytest.mark.parametrize("kind", [greenrt.Queue, greenrt.Greenlet, StreamServer])
def test_help_shows_the_arguments(kind: type) -> None:
    text = pydoc.render_doc(kind, renderer=pydoc.plaintext)
    assert f"class {kind.__name__}(" in text
    assert f" |  {kind.__name__}(" in text or f" {kind.__name__}(" in text
