"""The functions of `_interpreters` that run code in a subinterpreter, cooperative: a native thread makes each call.

Each call has its own native thread, not one of a pool, since calls may wait for each other through the queues between
interpreters. If the greenlet is killed, the call continues. `concurrent.interpreters` is Python code over these
functions.
"""

from contextlib import suppress

from greenrt import _original
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.park import in_hub, new_park
from greenrt._native.helper import admit_signals, start_helper
from greenrt._render import render
from greenrt._typing import Any
from greenrt.green._twin import supported
from greenrt.green.thread import system_name

__all__ = ["FUNCTIONS"]


class _Call:
    """A call that a native thread makes for a parked greenlet."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        # Other greenlets share the name of their native thread, and the new thread inherits that name.
        self.name = system_name()
        self.value: Any = None
        self.error: BaseException | None = None

    def wait(self) -> Any:
        """Start the call, and park until it has ended. Return its result or raise its error."""
        park = new_park(("{}", self))
        park.counted = True
        start_helper(self._run, (park,))
        park.wait()
        error, self.error = self.error, None
        if error is not None:
            # The traceback refers to this frame, which must not refer to the error.
            try:
                raise error
            finally:
                error = None
        return self.value

    def _run(self, park: Any) -> None:
        admit_signals()
        if self.name and _original.set_thread_name is not None:
            with suppress(OSError):
                _original.set_thread_name(self.name)
        try:
            self.value = self.function(*self.args, **self.kwargs)
        except BaseException as error:
            self.error = error
        # A greenlet that was killed meanwhile never receives the interpreter that was created for it.
        if not park.wake(True) and self.function is _original.create_interpreter and self.error is None:
            _original.destroy_interpreter(self.value)

    def __repr__(self) -> str:
        return f"<call of {render(self.function)} in a native thread>"


def _make(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if in_hub() or hub_for_waiting() is None:
        return function(*args, **kwargs)
    return _Call(function, args, kwargs).wait()


def create(*args: Any, **kwargs: Any) -> Any:
    """Create an interpreter, in a native thread. See `concurrent.interpreters.create`."""
    return _make(_original.create_interpreter, args, kwargs)


def destroy(*args: Any, **kwargs: Any) -> Any:
    """Destroy an interpreter, after it has run its exit code. See `concurrent.interpreters.Interpreter.close`."""
    return _make(_original.destroy_interpreter, args, kwargs)


def exec(*args: Any, **kwargs: Any) -> Any:
    """Run source code in an interpreter. See `concurrent.interpreters.Interpreter.exec`."""
    return _make(_original.exec_in_interpreter, args, kwargs)


def call(*args: Any, **kwargs: Any) -> Any:
    """Call a function in an interpreter. See `concurrent.interpreters.Interpreter.call`."""
    return _make(_original.call_in_interpreter, args, kwargs)


def run_func(*args: Any, **kwargs: Any) -> Any:
    """Run the body of a function in an interpreter."""
    return _make(_original.run_func_in_interpreter, args, kwargs)


def run_string(*args: Any, **kwargs: Any) -> Any:
    """Run source code in an interpreter, as `exec`."""
    return _make(_original.run_string_in_interpreter, args, kwargs)


# The functions that patching replaces in `_interpreters`: they create or destroy an interpreter, or run code in it.
FUNCTIONS: dict[str, Any] = supported(
    _original.interpreters,
    create=create,
    destroy=destroy,
    exec=exec,
    call=call,
    run_func=run_func,
    run_string=run_string,
)
