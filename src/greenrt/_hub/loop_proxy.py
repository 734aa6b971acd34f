"""LoopProxy: the handle by which other threads use a loop."""

from collections.abc import Callable
from weakref import ref

from greenrt import _atfork, _providers
from greenrt._hub import current_hub
from greenrt._hub.park import TIMED_OUT, Park, as_seconds, new_park
from greenrt._loop.callback import Callback, Entry, as_callable
from greenrt._loop.loop import Loop
from greenrt._loop.registry import close_if_orphaned
from greenrt._signature import ConstructorSignature
from greenrt._typing import Any, SupportsFloat, TypeVar, TypeVarTuple, Unpack
from greenrt.errors import LoopClosed, WouldDeadlock

__all__ = ["LoopProxy"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# The parks of the calls in flight, and the proxy of each call.
_underway: "dict[Park, LoopProxy]" = {}


class _Request(Entry):
    """A call on the loop's thread. Another thread waits for its outcome."""

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
            # A Ctrl-C arrived during the call: the caller gets an answer, and the main greenlet its
            # KeyboardInterrupt.
            park.fail(error)
            raise
        except BaseException as error:
            if not park.fail(error):
                # No waiter is left, so the hub reports the error, as it does for a post.
                raise
        else:
            park.wake(value)

    def __del__(self) -> None:
        # The loop dropped this entry: it ended without being closed, or could not run all posts.
        park = self.park
        if park is not None:
            park.fail(LoopClosed(f"the loop ended before it called {self.function!r}"))


class LoopProxy:
    """A handle of a loop for other threads. `Loop.proxy` makes it. Any thread may use it.

    It holds no file descriptor and does not keep the loop alive. It may outlive the loop; then `post` and `call`
    raise LoopClosed. In the child of a fork, they also do so for the loops of all threads except the forking one.

    Argument: `loop`, a greenrt Loop; other types raise TypeError.
    """

    __slots__ = ("__weakref__", "_loop")
    __signature__: ConstructorSignature = ConstructorSignature()

    def __init__(self, loop: Loop) -> None:
        if not isinstance(loop, Loop):
            raise TypeError(f"loop must be a greenrt Loop, not {loop!r}; Loop.proxy() makes proxies")
        self._loop = ref(loop)

    def post(self, function: Callable[[Unpack[Ts]], object], *args: Unpack[Ts]) -> None:
        """Schedule a call of ``function(*args)`` on the loop's thread. Any thread and any signal handler may post.

        The hub makes the call, so `function` may not block; to run a function that blocks, post `greenrt.spawn`.
        The posts of each thread run first in, first out. Either `post` raises LoopClosed, or the call is made: no
        post is dropped. Objects that only `args` refer to die on the loop's thread. At the end of the process, the
        posts made before its `atexit` functions have finished still run, for 5 seconds at most.
        """
        entry = Callback(as_callable(function), args)
        # The loop may make the call before this frame ends. The objects in `args` must not die in this frame.
        del function, args
        self._send(entry)

    def call(
        self, function: Callable[[Unpack[Ts]], T], *args: Unpack[Ts], timeout: SupportsFloat | None = None
    ) -> T:
        """Call ``function(*args)`` on the loop's thread; return its result or raise its exception.

        The caller waits meanwhile: a greenlet of another loop, or a thread without a loop. `function` runs in the hub
        and may not block; for a function that blocks, use ``proxy.call(greenrt.spawn, fn).get()``.

        Raises `greenrt.Timeout` after `timeout` seconds (None: no limit). Then the call is still made; its result is
        dropped, and its error is reported like the error of a post. Raises LoopClosed if the loop is closed before
        or during the call, and WouldDeadlock on the loop's own thread.
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
        result: T = outcome
        return result

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
    """In the child of a fork, fail the forking thread's calls to other threads, which can't answer."""
    for park, proxy in list(_underway.items()):
        try:
            proxy.post(int)
        except LoopClosed:
            park.fail(LoopClosed(f"{proxy!r} belongs to a thread that the child of a fork does not have"))


_providers.make_proxy = LoopProxy
_atfork.register(_atfork.RUNTIME, _fail_calls_to_lost_threads)
