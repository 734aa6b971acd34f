"""LoopProxy: the handle of a loop that other threads hold."""

from collections.abc import Callable
from weakref import ref

from greenrt import _atfork, _providers
from greenrt._hub import current_hub
from greenrt._hub.park import TIMED_OUT, Park, as_seconds, new_park
from greenrt._loop.callback import Callback, Entry, as_callable
from greenrt._loop.loop import Loop
from greenrt._loop.registry import close_if_orphaned
from greenrt._typing import Any
from greenrt.errors import LoopClosed, WouldDeadlock

__all__ = ["LoopProxy"]

# The calls that are waited for, and through what they were made.
_underway: "dict[Park, LoopProxy]" = {}


class _Request(Entry):
    """A call on the loop's thread whose outcome another thread waits for."""

    __slots__ = ("args", "function", "park")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], park: Park) -> None:
        self.function: Any = function
        self.args: tuple[Any, ...] = args
        self.park: Any = park

    def run(self) -> None:
        """See `Entry.run`."""
        function, args, park = self.function, self.args, self.park
        self.function = self.park = None
        self.args = ()
        try:
            value = function(*args)
        except KeyboardInterrupt as error:
            # Ctrl-C came just now: the caller gets an answer, the main greenlet its KeyboardInterrupt.
            park.fail(error)
            raise
        except BaseException as error:
            if not park.fail(error):
                # No waiter is left: the error is reported, as what a post raises.
                raise
        else:
            park.wake(value)

    def __del__(self) -> None:
        # Dropped by a loop that ended unclosed, or could not run all that was posted to it.
        park = self.park
        if park is not None:
            park.fail(LoopClosed(f"the loop ended before it called {self.function!r}"))


class LoopProxy:
    """What other threads need of a loop; made by `Loop.proxy`. Safe from any thread.

    It holds no fd and does not keep the loop alive, and it outlives the loop: then `post` and `call` raise
    LoopClosed. In the child of a fork that holds for the loops of all threads but the forking one.
    """

    __slots__ = ("__weakref__", "_loop")

    def __init__(self, loop: Loop) -> None:
        if not isinstance(loop, Loop):
            raise TypeError(f"loop must be a greenrt Loop, not {loop!r}; Loop.proxy() makes proxies")
        self._loop = ref(loop)

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Have the loop's thread call ``function(*args)``.

        The call is made in the hub and may not block; post `greenrt.spawn` for what does.
        First in, first out for each thread. Either raises LoopClosed, or the call is made: none is dropped. What only
        `args` refer to dies on the loop's thread. Also safe in signal handlers. The end of the process, too, makes
        the calls that were posted before its `atexit` functions were through, for 5 seconds at most.
        """
        entry = Callback(as_callable(function), args)
        # The loop may make the call before this frame ends, which must not be what `args` die with.
        del function, args
        self._send(entry)

    def call(self, function: Callable[..., Any], *args: Any, timeout: float | None = None) -> Any:
        """Have the loop's thread call ``function(*args)``; return what it returns, raise what it raises.

        The caller, a greenlet of another loop or a thread without one, waits meanwhile. `function` runs in the hub
        and may not block; ``proxy.call(greenrt.spawn, fn).get()`` is for what does. Raises `greenrt.Timeout` after
        `timeout` seconds (the call is still made; its result is dropped, an error reported as that of a post),
        LoopClosed if the loop is or gets closed, WouldDeadlock on the loop's own thread.
        """
        if timeout is not None:
            timeout = as_seconds(timeout)
        loop = self._target()
        if loop.on_owner_thread() and not loop.closed:
            raise WouldDeadlock(
                f"{loop!r} belongs to the calling thread, which would wait for itself; "
                "call the function, or post(fn, *args) to have it called later"
            )
        close_if_orphaned(loop)
        del loop
        park = new_park(("{!r}, called through {!r}", function, self))
        park.counted = True
        entry = _Request(as_callable(function), args, park)
        del function, args
        _underway[park] = self
        try:
            self._send(entry)
            del entry
            outcome = park.wait(timeout)
        finally:
            del _underway[park]
        if outcome is TIMED_OUT:
            raise current_hub.timeout_error(timeout)
        return outcome

    def _target(self) -> Loop:
        loop = self._loop()
        if loop is None:
            raise LoopClosed("the loop is gone; nothing posted to it can run")
        return loop

    def _send(self, entry: Entry) -> None:
        loop = self._target()
        loop.post(entry)

    def __reduce__(self) -> Any:
        raise TypeError("a LoopProxy can't be pickled: its loop is of this process; send a socket or a pipe")

    def __repr__(self) -> str:
        loop = self._loop()
        return f"<{type(self).__name__} at {id(self):#x} of {'a loop that is gone' if loop is None else repr(loop)}>"


def _fail_calls_to_lost_threads() -> None:
    """In the child of a fork, what the forking thread asked of other threads gets no answer."""
    for park, proxy in list(_underway.items()):
        try:
            proxy.post(int)
        except LoopClosed:
            park.fail(LoopClosed(f"{proxy!r} belongs to a thread that the child of a fork does not have"))


_providers.make_proxy = LoopProxy
_atfork.register(_atfork.RUNTIME, _fail_calls_to_lost_threads)
