"""The cheapest greenlet: it runs a function, without join, links or a result."""

from collections.abc import Callable

from greenrt._hub import current_hub
from greenrt._loop.loop import Loop
from greenrt._native.framecache import begin_frames
from greenrt._native.switch import Fiber, attach_to_hub, execute_current
from greenrt._render import render_site
from greenrt._typing import Any, ParamSpec

__all__ = ["RawGreenlet", "spawn_raw"]


P = ParamSpec("P")


class RawGreenlet(Fiber):
    """A greenlet that reports neither its result nor its end. `spawn_raw` makes it.

    Arguments: `function`, the callable to run; `args` and `kwargs`, its arguments.
    """

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        attach_to_hub(self, current_hub.get_hub())
        self._function: Any = function
        self._args = args
        self._kwargs = kwargs

    @property
    def loop(self) -> Loop:
        """The loop of the hub that runs the greenlet."""
        return self.hub.loop

    @property
    def spawned_at(self) -> str:
        """The place where the greenlet was made: ``file:line in function``."""
        return render_site(self._site_code, self._site_offset)

    run = staticmethod(execute_current)

    def _execute(self) -> Any:
        self._begun = True
        begin_frames()
        function = self._function
        args = self._args
        kwargs = self._kwargs
        self._function = None
        self._args = ()
        return function(*args, **kwargs)


def spawn_raw(function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> RawGreenlet:
    """Schedule ``function(*args, **kwargs)`` in a new greenlet without join and links; return the greenlet.

    This is the cheapest kind of greenlet. Raises TypeError if `function` is not callable.
    """
    if not callable(function):
        raise TypeError(f"function must be callable, not {function!r}; write spawn_raw(fn, *args)")
    made = RawGreenlet(function, args, kwargs)
    made._queued = True
    made.hub.loop.ready.append(made)
    return made
