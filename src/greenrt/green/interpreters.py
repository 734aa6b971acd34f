"""The functions of `_interpreters` that run code in a subinterpreter, cooperative: a native thread makes each call.

Each call has a native thread to itself, none of a pool: calls may wait for each other, by way of the queues between
interpreters. If its greenlet is killed, the call goes on. `concurrent.interpreters` is Python over these functions.
"""

from types import ModuleType

try:
    import _interpreters  # type: ignore[import-not-found]
except ImportError:
    # New in 3.13.
    _interpreters = ModuleType("_interpreters")

from greenrt._hub.park import in_hub, new_park
from greenrt._hub.slot import hub_for_waiting
from greenrt._native.helper import admit_signals, start_helper
from greenrt._native.switch import ending
from greenrt._render import render
from greenrt._typing import Any
from greenrt.green.twins import standing

__all__ = ["FUNCTIONS"]

# Bound before patching; not every version has each.
_create: Any = getattr(_interpreters, "create", None)
_destroy: Any = getattr(_interpreters, "destroy", None)
_exec: Any = getattr(_interpreters, "exec", None)
_call: Any = getattr(_interpreters, "call", None)
_run_func: Any = getattr(_interpreters, "run_func", None)
_run_string: Any = getattr(_interpreters, "run_string", None)


class _Call:
    """A call that a native thread makes for a parked greenlet."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.value: Any = None
        self.error: BaseException | None = None

    def wait(self) -> Any:
        """Start the call, park until it has ended, and return or raise what it does."""
        park = new_park(("{}", self))
        park.counted = True
        start_helper(self._run, (park,))
        park.wait()
        if self.error is not None:
            raise self.error
        return self.value

    def _run(self, park: Any) -> None:
        admit_signals()
        try:
            self.value = self.function(*self.args, **self.kwargs)
        except BaseException as error:
            self.error = error
        # A greenlet that was killed meanwhile never hears of the interpreter that was made for it.
        if not park.wake(True) and self.function is _create and self.error is None:
            _destroy(self.value)

    def __repr__(self) -> str:
        return f"<call of {render(self.function)} in a native thread>"


def _make(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if ending() or in_hub() or hub_for_waiting() is None:
        return function(*args, **kwargs)
    return _Call(function, args, kwargs).wait()


def create(*args: Any, **kwargs: Any) -> Any:
    """Make an interpreter, in a native thread; see `concurrent.interpreters.create`."""
    return _make(_create, args, kwargs)


def destroy(*args: Any, **kwargs: Any) -> Any:
    """End an interpreter, and what it runs at its end; see `concurrent.interpreters.Interpreter.close`."""
    return _make(_destroy, args, kwargs)


def exec(*args: Any, **kwargs: Any) -> Any:
    """Run source code in an interpreter; see `concurrent.interpreters.Interpreter.exec`."""
    return _make(_exec, args, kwargs)


def call(*args: Any, **kwargs: Any) -> Any:
    """Call a function in an interpreter; see `concurrent.interpreters.Interpreter.call`."""
    return _make(_call, args, kwargs)


def run_func(*args: Any, **kwargs: Any) -> Any:
    """Run the body of a function in an interpreter."""
    return _make(_run_func, args, kwargs)


def run_string(*args: Any, **kwargs: Any) -> Any:
    """Run source code in an interpreter, as `exec`."""
    return _make(_run_string, args, kwargs)


# What patching replaces in `_interpreters`: what makes an interpreter, ends one, or runs code in it.
FUNCTIONS: dict[str, Any] = standing(
    _interpreters,
    create=create,
    destroy=destroy,
    exec=exec,
    call=call,
    run_func=run_func,
    run_string=run_string,
)
