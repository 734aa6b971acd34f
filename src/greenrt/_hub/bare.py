"""The kind, the end and the fields of a greenlet, past the properties of the program's subclasses."""

from collections.abc import Callable
from types import CodeType

from greenlet import greenlet

from greenrt._bare import field_reader
from greenrt._hub.greenlet import Greenlet
from greenrt._native.switch import Fiber
from greenrt._render import render_site
from greenrt._typing import Any

__all__ = [
    "args_of",
    "function_of",
    "given_name_of",
    "has_begun",
    "has_ended",
    "is_greenlet",
    "is_queued",
    "kwargs_of",
    "latch_of",
    "locals_of",
    "site_code_of",
    "site_of",
    "site_offset_of",
]

_ended: Callable[[Any], bool] = field_reader(Greenlet, "dead")
_dead: Callable[[Any], bool] = field_reader(greenlet, "dead")

# Of a Fiber.
is_queued: Callable[[Any], bool] = field_reader(Fiber, "_queued")
has_begun: Callable[[Any], bool] = field_reader(Fiber, "_begun")
latch_of = field_reader(Fiber, "_latch")
locals_of = field_reader(Fiber, "_locals")
site_code_of: Callable[[Any], CodeType | None] = field_reader(Fiber, "_site_code")
site_offset_of: Callable[[Any], int] = field_reader(Fiber, "_site_offset")

# Of a Greenlet.
args_of: Callable[[Any], tuple[Any, ...]] = field_reader(Greenlet, "args")
function_of = field_reader(Greenlet, "_function")
given_name_of = field_reader(Greenlet, "_name")
kwargs_of: Callable[[Any], dict[str, Any]] = field_reader(Greenlet, "kwargs")


def is_greenlet(target: Any) -> bool:
    """Return whether `target` is a Greenlet, and not a raw greenlet. isinstance might read its ``__class__``."""
    return issubclass(type(target), Greenlet)


def has_ended(target: Any) -> bool:
    """Return whether any greenlet is dead."""
    return _ended(target) if is_greenlet(target) else _dead(target)


def site_of(target: Any) -> str | None:
    """Return the place where a greenlet was made; None if greenrt does not know it."""
    return (
        render_site(site_code_of(target), site_offset_of(target)) if issubclass(type(target), Fiber) else None
    )
