"""eventlet.greenthread: greenthreads, which are greenrt greenlets, and the functions that make and end them."""

import functools
import warnings
from collections.abc import Callable

from greenlet import getcurrent, greenlet

import greenrt
from greenrt._hub.park import in_hub, yield_now
from greenrt._hub.sleep import sleep as _sleep
from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.errors import GreenletExit, as_exception

__all__ = [
    "GreenThread",
    "cancel",
    "getcurrent",
    "kill",
    "sleep",
    "spawn",
    "spawn_after",
    "spawn_after_local",
    "spawn_n",
]


def thrown(args: tuple[Any, ...]) -> BaseException:
    """Return the exception for the arguments of `greenlet.throw`: a type, an instance, or type, value, traceback."""
    if not args:
        return GreenletExit()
    return as_exception((*args, None)[:3] if len(args) > 1 else args[0])


class GreenThread(greenrt.Greenlet[Any]):
    """A greenlet whose result `wait` returns. `spawn` makes it.

    It is a `greenrt.Greenlet`, so greenrt's dumps, statistics and `greenrt.wait` know it. `wait`, `link`, `unlink`,
    `kill` and `cancel` are eventlet's. A GreenThread is true from its start until its end.
    """

    def wait(self) -> Any:
        """Park until the greenthread has ended; return its result or raise its exception.

        After a kill, that is GreenletExit or the exception that was passed to `kill`.
        """
        result = self.get()
        if isinstance(result, GreenletExit):
            raise result
        return result

    def link(  # type: ignore[override]
        self, func: Callable[..., object], *curried_args: Any, **curried_kwargs: Any
    ) -> None:
        """Call ``func(greenthread, *curried_args, **curried_kwargs)`` after the end; at once if it has ended."""
        link = _Link(func, curried_args, curried_kwargs)
        if self.ready():
            link(self)
        else:
            greenrt.Greenlet.link(self, link)

    def unlink(  # type: ignore[override]
        self, func: Callable[..., object], *curried_args: Any, **curried_kwargs: Any
    ) -> bool:
        """Remove a link that was made with the same arguments; return whether there was one."""
        had = self.has_links()
        greenrt.Greenlet.unlink(self, _Link(func, curried_args, curried_kwargs))
        return had

    def kill(self, *throw_args: Any, **runtime: Any) -> None:
        """Raise an exception in the greenthread (default: GreenletExit), and let it run.

        A greenthread that has not started never runs. `throw_args` are those of `greenlet.throw`. The runtime passes
        the keyword arguments of `greenrt.Greenlet.kill`.
        """
        if runtime:
            greenrt.Greenlet.kill(self, *throw_args, **runtime)
        else:
            kill(self, *throw_args)

    def cancel(self, *throw_args: Any) -> None:
        """Kill the greenthread if it has not started."""
        cancel(self, *throw_args)


class _Link:
    """A linked function with its arguments. Two that have equal parts are equal, so `unlink` finds them."""

    __slots__ = ("args", "func", "kwargs")

    def __init__(self, func: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs

    def __call__(self, ended: GreenThread) -> None:
        self.func(ended, *self.args, **self.kwargs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Link):
            return NotImplemented
        return (self.func, self.args, self.kwargs) == (other.func, other.args, other.kwargs)

    def __hash__(self) -> int:
        return hash(self.func)


def sleep(seconds: float = 0) -> None:
    """Park the calling greenthread for `seconds`; 0 lets the others that are ready run.

    In the hub, a sleep of 0 returns at once.
    """
    if seconds <= 0 and in_hub():
        return
    _sleep(seconds)


def spawn(func: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
    """Schedule ``func(*args, **kwargs)`` in a new greenthread, and return it."""
    made = GreenThread(func, *args, **kwargs)
    made.start()
    return made


def spawn_n(func: Callable[..., Any], *args: Any, **kwargs: Any) -> greenlet:
    """Schedule ``func(*args, **kwargs)`` in a new raw greenlet, which has no `wait`; return the greenlet."""
    return greenrt.spawn_raw(func, *args, **kwargs)


def spawn_after(seconds: float, func: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
    """Return a greenthread that starts in `seconds`, also if the caller has ended by then."""
    made = GreenThread(func, *args, **kwargs)
    if seconds > 0:
        made.start_later(seconds)
    else:
        made.start()
    return made


def spawn_after_local(seconds: float, func: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
    """Return a greenthread that starts in `seconds`, unless the calling greenthread has ended by then."""
    owner = getcurrent()

    @functools.wraps(func)
    def unless_ended(*args: Any, **kwargs: Any) -> Any:
        if owner.dead:
            raise GreenletExit
        return func(*args, **kwargs)

    return spawn_after(seconds, unless_ended, *args, **kwargs)


def kill(g: greenlet, *throw_args: Any) -> None:
    """Raise an exception in a greenthread or a raw greenlet (default: GreenletExit), and let it run.

    `throw_args` are those of `greenlet.throw`. No-op if the greenlet is dead. A greenthread that kills itself gets
    the exception here.
    """
    if g.dead:
        return
    error = thrown(throw_args)
    if g is getcurrent():
        raise error
    greenrt.kill(g, error)
    if not in_hub():
        yield_now()


def cancel(g: greenlet, *throw_args: Any) -> None:
    """Kill a greenthread or a raw greenlet if it has not started."""
    begun = g.started if isinstance(g, greenrt.Greenlet) else bool(g)
    running = begun and getattr(g, "gr_frame", None) is not None
    if not running and g is not getcurrent():
        kill(g, *throw_args)


def call_after_global(seconds: float, func: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
    """Do the same as `spawn_after`, which replaces it."""
    warnings.warn("call_after_global is deprecated; use spawn_after", DeprecationWarning, stacklevel=2)
    return spawn_after(seconds, func, *args, **kwargs)


def call_after_local(seconds: float, function: Callable[..., Any], *args: Any, **kwargs: Any) -> GreenThread:
    """Do the same as `spawn_after_local`, which replaces it."""
    warnings.warn("call_after_local is deprecated; use spawn_after_local", DeprecationWarning, stacklevel=2)
    return spawn_after_local(seconds, function, *args, **kwargs)


call_after = call_after_local


def exc_after(seconds: float | None, *throw_args: Any) -> Any:
    """Raise an exception in the calling greenthread in `seconds` (None: never). Use `Timeout` instead."""
    warnings.warn(
        "exc_after is deprecated; use Timeout(seconds, exception)", DeprecationWarning, stacklevel=2
    )
    from .timeout import Timeout

    return Timeout(seconds, thrown(throw_args))


__getattr__: Callable[[str], Any] = missing_names(
    __name__, {"TimeoutError": "use eventlet.Timeout", "with_timeout": "use eventlet.with_timeout"}
)
