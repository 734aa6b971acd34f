"""Greenlet: a function that runs concurrently. Other greenlets can wait for it, link callbacks to it and kill it."""

from collections.abc import Callable
from types import TracebackType
from weakref import ref

from greenlet import greenlet

from greenrt._arguments import check_callable, check_iterable
from greenrt._hub import current_hub
from greenrt._hub.latch import Latch
from greenrt._hub.links import GreenLink, Notifier
from greenrt._hub.park import TIMED_OUT, Park, checked_seconds, new_park, parked
from greenrt._hub.pending import deliver
from greenrt._hub.report import ident_of
from greenrt._loop.callback import Entry
from greenrt._loop.loop import Loop
from greenrt._native.framecache import begin_frames
from greenrt._native.switch import (
    Fiber,
    attach_to_hub,
    code_of,
    current,
    execute_current,
    is_active,
    resume,
    throw_into,
)
from greenrt._native.thread import get_slot
from greenrt._render import render, render_call, render_site
from greenrt._signature import ConstructorSignature
from greenrt._typing import (
    TYPE_CHECKING,
    Any,
    ExcInfo,
    Generic,
    ParamSpec,
    Self,
    SupportsFloat,
    Throwable,
    TypeVar,
    overload,
)
from greenrt.errors import GreenletExit, HubDestroyed, as_exception

__all__ = [
    "Greenlet",
    "Start",
    "accept_any_kill",
    "kill",
    "record_spawns",
    "spawn",
    "spawn_later",
    "throw_soon",
]

P = ParamSpec("P")
T = TypeVar("T")
G = TypeVar("G")
# The result. Without it, a subclass and an annotation mean any result.
T_co = TypeVar("T_co", covariant=True, default=Any)

# `__init__` has not run yet.
UNMADE = 0
UNSTARTED = 1
QUEUED = 2
RUNNING = 3
FINISHED = 4

_spawn_callbacks: list[Callable[[Any], object]] = []

# Returns what each new greenlet remembers about its spawning; see `spawn_tree`. None: they remember nothing.
_make_origin: Any = None


# Makes the error that a kill raises in its target from what the caller gives; see `accept_any_kill`.
_as_thrown: Any = as_exception


def accept_any_kill() -> None:
    """Let a kill with an object that is not an exception raise the TypeError in its target, not in the caller.

    The greenlet ends in any case. That is what gevent does, and `greenrt.compat.gevent` asks for it.
    """
    global _as_thrown
    _as_thrown = _as_error


def _as_error(given: object) -> BaseException:
    try:
        return as_exception(given)
    except TypeError as error:
        return error


def record_spawns(make_origin: Callable[[], Any] | None) -> None:
    """Let each new greenlet keep the result of `make_origin` as its origin; with None, nothing."""
    global _make_origin
    _make_origin = make_origin


class Start(Entry):
    """An entry that starts a greenlet, when a timer fires or for another thread. `target` None: cancelled.

    Otherwise the greenlet itself is the entry in the run queue.
    """

    __slots__ = ("target",)

    def __init__(self, target: Any) -> None:
        self.target = target

    def fire(self, events: int) -> None:
        """See `Entry.fire`."""
        target = self.target
        if target is not None:
            loop: Any = target.hub.loop
            loop.refs -= 1
            loop.ready.append(self)

    def run(self) -> None:
        """See `Entry.run`."""
        target = self.target
        if target is None:
            return
        if target.hub.loop.closed:
            # Another thread posted this just before the end of this one.
            throw_soon(target, HubDestroyed(True))
            return
        self.target = None
        resume(target)


class Greenlet(Fiber, Generic[T_co]):
    """A greenlet that reports its end: ``Greenlet(fn, *args, **kwargs)``, or a subclass that defines ``_run``.

    `run` is the callable; it is called with `args` and `kwargs`. Without it the greenlet calls its method `_run`.
    The greenlet belongs to the calling thread, and runs there. Raises TypeError if `run` is not callable.

    gevent's class of the same name, with two differences. A greenlet runs in a copy of the context (contextvars) of
    the greenlet that made it. Any thread may call `join`, `get`, `link` and `kill`. A greenlet is true from `start`
    until it has finished.

    Attributes: `args` and `kwargs` of the call, `value`, `exception` and `exc_info` of the outcome, `name`, the `hub`
    that runs it and its `loop`, `spawned_at`, `started`, `dead`, `minimal_ident`.
    """

    __signature__: ConstructorSignature = ConstructorSignature()

    @overload
    def __init__(self, run: None = None, *args: Any, **kwargs: Any) -> None: ...

    @overload
    def __init__(self, run: Callable[P, T_co], *args: P.args, **kwargs: P.kwargs) -> None: ...

    def __init__(self, run: Callable[..., Any] | None = None, *args: Any, **kwargs: Any) -> None:
        # First, since `__repr__` and others read these fields also if the construction fails.
        # None stands for `_run`, which a subclass may also set after this. After the end: what `__repr__` shows.
        self._function: Any = run
        self._args = args
        self._kwargs: dict[str, Any] | None = kwargs or None
        self._start: Start | None = None
        self._result: Any = None
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None
        # The first waiter of this thread, a Park or a Notifier: it needs no latch. All others are in the latch.
        self._sole: Any = None
        self._name: str | None = None
        self._state = UNSTARTED
        if run is not None:
            if not callable(run):
                raise TypeError(
                    f"run must be callable, not {run!r}; write spawn(fn, *args), not spawn(fn(*args))"
                )
        elif not callable(self._run):
            raise TypeError(f"{type(self).__name__}._run must be callable, not {self._run!r}")
        hub = get_slot()
        attach_to_hub(self, hub if hub is not None else current_hub.get_hub())
        self._origin = None if _make_origin is None else _make_origin()

    # -- Starting

    # The first signature is for functions, the second one for subclasses with a constructor of their own.

    @overload
    @classmethod
    def spawn(
        cls: type["Greenlet[object]"], run: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> "Greenlet[T]": ...

    @overload
    @classmethod
    def spawn(cls: Callable[P, G], *args: P.args, **kwargs: P.kwargs) -> G: ...

    @classmethod
    def spawn(cls, *args: Any, **kwargs: Any) -> Any:
        """Make a greenlet, start it and return it: ``Greenlet.spawn(fn, *args, **kwargs)``."""
        made = cls(*args, **kwargs)
        made.start()
        return made

    @overload
    @classmethod
    def spawn_later(
        cls: type["Greenlet[object]"], seconds: float, run: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> "Greenlet[T]": ...

    @overload
    @classmethod
    def spawn_later(cls: Callable[P, G], seconds: float, *args: P.args, **kwargs: P.kwargs) -> G: ...

    @classmethod
    def spawn_later(cls, seconds: float, *args: Any, **kwargs: Any) -> Any:
        """Make a greenlet that starts in `seconds`; return it: ``Greenlet.spawn_later(2.5, fn, *args)``.

        Raises TypeError or ValueError if `seconds` is not a number.
        """
        if cls is Greenlet and not args and "run" not in kwargs:
            raise TypeError("spawn_later takes seconds and a function; write spawn_later(seconds, fn, *args)")
        made = cls(*args, **kwargs)
        made.start_later(seconds)
        return made

    def start(self) -> None:
        """Schedule the greenlet. Greenlets start in the order of these calls. No-op if it is scheduled already."""
        if self._state == UNSTARTED:
            self._enqueue()
        elif self._state == UNMADE:
            raise self._unmade()

    def _unmade(self) -> RuntimeError:
        return RuntimeError(
            f"{render(self)} is not made yet; {type(self).__name__} must call super().__init__() first"
        )

    def _start_first(self) -> None:
        """Schedule the greenlet before all entries of the run queue. The hub calls this once, in place of `start`."""
        self._state = QUEUED
        if _spawn_callbacks:
            self._call_spawn_callbacks()
        self._queued = True
        self.hub._spawned += 1
        self.hub.loop.ready.appendleft(self)

    def _enqueue(self) -> None:
        self._state = QUEUED
        if _spawn_callbacks:
            self._call_spawn_callbacks()
        hub = self.hub
        hub._spawned += 1
        loop = hub.loop
        if loop.on_owner_thread():
            self._queued = True
            loop.ready.append(self)
        else:
            start = Start(self)
            self._start = start
            loop.post(start)

    def start_later(self, seconds: float) -> None:
        """Schedule the greenlet in `seconds`. No-op if it is scheduled already.

        Raises TypeError or ValueError if `seconds` is not a number, WrongThread in another thread.
        """
        if self._state == UNMADE:
            raise self._unmade()
        if self._state == UNSTARTED:
            loop = self.hub.loop
            loop.check_owner("Greenlet.start_later")
            wait = checked_seconds(seconds, "seconds")
            self._state = QUEUED
            self.hub._spawned += 1
            start = Start(self)
            self._start = start
            if _spawn_callbacks:
                self._call_spawn_callbacks()
            loop.timers.push(start, loop.clock.now() + max(wait, 0.0))
            loop.refs += 1

    @staticmethod
    def add_spawn_callback(callback: Callable[["Greenlet[object]"], object]) -> None:
        """Call ``callback(greenlet)`` whenever a greenlet is scheduled to start, in the thread that schedules it."""
        check_callable(callback, "callback")
        if callback not in _spawn_callbacks:
            _spawn_callbacks.append(callback)

    @staticmethod
    def remove_spawn_callback(callback: Callable[["Greenlet[object]"], object]) -> None:
        """Undo `add_spawn_callback`. No-op if `callback` was not added."""
        if callback in _spawn_callbacks:
            _spawn_callbacks.remove(callback)

    def _call_spawn_callbacks(self) -> None:
        for callback in _spawn_callbacks.copy():
            callback(self)

    def _cancel_start(self) -> bool:
        """Ensure that a greenlet that has not run never runs; return whether it has not run."""
        if self._state >= RUNNING:
            return False
        self._queued = False
        start = self._start
        if start is not None:
            start.target = None
            self._start = None
            loop: Any = self.hub.loop
            if loop.timers.remove(start):
                loop.refs -= 1
        return True

    # -- Running

    run = staticmethod(execute_current)

    def _execute(self) -> None:
        # Killed while a signal handler waited before this line (plain build).
        if self._state == FINISHED:
            return
        if self._state == UNMADE:
            raise self._unmade()
        self._state = RUNNING
        self._begun = True
        begin_frames()
        self._start = None
        try:
            function = self._function
            if function is None:
                function = self._run
            kwargs = self._kwargs
            if kwargs is None:
                result = function(*self._args)
            else:
                result = function(*self._args, **kwargs)
        except BaseException as error:
            self._finish(None, error)
            # The traceback refers to this frame, and the greenlet to the error: the frame must not keep the greenlet.
            self = None  # type: ignore[assignment]
        else:
            self._finish(result, None)

    def _finish(self, result: Any, error: BaseException | None) -> None:
        if error is not None and isinstance(error, GreenletExit):
            # What the function referred to must not live as long as the greenlet object.
            error.__traceback__ = None
            # The error that the function was handling has a traceback of its own.
            error.__context__ = None
            result = error
            error = None
        self._result = result
        self._error = error
        if error is not None:
            self._traceback = error.__traceback__
        self._state = FINISHED
        self._pending = None
        if error is None:
            # The arguments must not live as long as the greenlet object.
            self._function = code_of(self._function)
            self._args = ()
            self._kwargs = None
            self._notify_end()
        else:
            function, args, kwargs = self._function, self._args, self.kwargs
            self._function = None
            self._args = ()
            self._kwargs = None
            self._end_with_error(error, function, args, kwargs)

    def _notify_end(self) -> None:
        try:
            # Links first: their calls are queued before the waiters of the end.
            latch = self._latch
            try:
                if latch is not None:
                    latch._set_and_notify_links()
            finally:
                sole = self._sole
                if sole is not None:
                    self._sole = None
                    _notify(sole, self)
        finally:
            # Read again, after the state was set: another thread may have made the latch. That thread reads the state
            # after making it, so one of the two sets the latch.
            latch = self._latch
            if latch is not None:
                latch._set_flag()
                # The two refer to each other. If calls of links are still queued, `unlink` needs the latch.
                if not latch._has_queued_links():
                    self._latch = None
            if self._locals is not None:
                self._locals = None

    def _end_with_error(
        self, error: BaseException, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        hub = self.hub
        if isinstance(error, hub.SYSTEM_ERROR):
            # Before the end is announced: that wakes a main greenlet that waits for it, which might never wait again.
            try:
                self._report(error, function, args, kwargs)
            finally:
                self._notify_end()
        else:
            # After the end is announced: the error handler may take long.
            try:
                self._notify_end()
            finally:
                self._report(error, function, args, kwargs)

    def _report(
        self, error: BaseException, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        hub = self.hub
        try:
            if not isinstance(error, hub.NOT_ERROR):
                called = function if function is not None else self._run
                self._function = render_call(called, args, kwargs, self)
        except KeyboardInterrupt as interrupt:
            # Ctrl-C during a repr.
            hub._report_error(self, interrupt)
        except BaseException:
            # An attribute of the function failed. The report omits the call.
            pass
        hub._report_error(self, error)

    def _end(self) -> Any:
        """Return the latch that the end of the greenlet sets; make it if there is none."""
        latch: Latch = self._latch
        if latch is None:
            latch = self._keep_latch(Latch(self))
        if self._state == FINISHED:
            latch._set_flag()
        return latch

    # -- State

    def __bool__(self) -> bool:
        return UNSTARTED < self._state < FINISHED

    @property
    def started(self) -> bool:
        """Whether the greenlet was started and has not finished. Its truth value is the same, as in gevent."""
        return UNSTARTED < self._state < FINISHED

    @property
    def dead(self) -> bool:
        """Whether the greenlet has finished, or was killed before it ran."""
        return self._state == FINISHED

    def ready(self) -> bool:
        """Return whether the greenlet has finished, by a result or by an error."""
        return self._state == FINISHED

    def successful(self) -> bool:
        """Return whether the greenlet has finished without an error. GreenletExit counts as success."""
        return self._state == FINISHED and self._error is None

    @property
    def value(self) -> T_co | None:
        """The result of the function; None if it has not finished, or has failed. A GreenletExit is a result."""
        return self._result

    @property
    def exception(self) -> BaseException | None:
        """The exception that ended the greenlet; None if there is none."""
        return self._error

    @property
    def exc_info(self) -> ExcInfo | None:
        """The (type, value, traceback) of `exception`; None if there is none."""
        error = self._error
        return None if error is None else (type(error), error, self._traceback)

    @property
    def loop(self) -> Loop:
        """The loop of the hub that runs the greenlet."""
        if self._state == UNMADE:
            raise self._unmade()
        return self.hub.loop

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments of the call. They can be set before it runs, and are empty after its end."""
        # None before `__init__` has run: a subclass may wait in its own one first.
        return self._args or ()

    @args.setter
    def args(self, value: Any) -> None:
        self._args = tuple(check_iterable(value, "args"))

    @property
    def kwargs(self) -> dict[str, Any]:
        """The keyword arguments of the call. They can be set before it runs, and are empty after its end."""
        return self._kwargs or {}

    @kwargs.setter
    def kwargs(self, value: dict[str, Any]) -> None:
        if not isinstance(value, dict):
            raise TypeError(f"kwargs must be a dict, not {value!r}")
        self._kwargs = dict(value) or None

    @property
    def minimal_ident(self) -> int:
        """A small number that no other living greenlet has. It is assigned at the first access, and reused later."""
        return ident_of(self)

    @property
    def name(self) -> str:
        """The name for logs: ``Greenlet-<minimal_ident>`` by default. It can be set."""
        return self._name if self._name is not None else f"{type(self).__name__}-{ident_of(self)}"

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def spawned_at(self) -> str:
        """The place where the greenlet was made: ``file:line in function``."""
        return render_site(self._site_code, self._site_offset)

    @property
    def spawning_greenlet(self) -> "ref[greenlet] | None":
        """A weak reference to the greenlet that made this one. None unless `spawn_tree` records it (as in gevent)."""
        return None if self._origin is None else self._origin.greenlet

    @property
    def spawning_stack(self) -> object:
        """The calls that made the greenlet, as a frame. None unless `spawn_tree` records them (as in gevent)."""
        return None if self._origin is None else self._origin.stack

    @property
    def spawn_tree_locals(self) -> dict[Any, Any] | None:
        """A dict that is shared by a greenlet and those that it spawns. None unless `spawn_tree` records spawning."""
        return None if self._origin is None else self._origin.locals

    # -- Waiting for the end

    def join(self, timeout: SupportsFloat | None = None) -> None:
        """Park until the greenlet has finished, for `timeout` seconds at most (None: no limit). Any thread.

        Raises TypeError or ValueError if `timeout` is not a number of seconds.
        """
        if self._state != FINISHED:
            self._await_end(timeout)

    def _await_end(self, timeout: Any) -> bool:
        if self._state == UNMADE:
            raise self._unmade()
        hub = self.hub
        loop = hub.loop
        if self._sole is not None or not loop.on_owner_thread():
            latch = self._end()
            return latch._wait_set(timeout)
        park = new_park(self)
        self._sole = park
        try:
            # A signal handler may have run since the first check, and ended the greenlet.
            return self._state == FINISHED or park.wait(timeout) is not TIMED_OUT
        finally:
            if self._sole is park:
                self._sole = None

    def get(self, block: bool = True, timeout: SupportsFloat | None = None) -> T_co:
        """Park until the greenlet has finished; return its result or raise its error. Any thread.

        Raises `greenrt.Timeout` after `timeout` seconds (None: no limit), or at once with `block` false; TypeError or
        ValueError if `timeout` is not a number of seconds.
        """
        if self._state != FINISHED:
            if self._state == UNMADE:
                raise self._unmade()
            if not (block and self._await_end(timeout)):
                raise current_hub.timeout_error(timeout if block else None)
        error = self._error
        if error is not None:
            error = error.with_traceback(self._traceback)
            # The traceback refers to this frame, which must refer neither to the greenlet nor to the error.
            self = None  # type: ignore[assignment]
            try:
                raise error
            finally:
                error = None
        return self._result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            # The error of the ``with`` block ends the greenlet.
            error: Any = (kind, value, traceback)
            self.kill(error)
            return
        try:
            self.join()
        finally:
            self.kill()

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """The body of a greenlet that was made without `run`. Subclasses override it."""

    # -- Links

    def rawlink(self, callback: Callable[[Self], object]) -> None:
        """Call ``callback(greenlet)`` in the hub of the calling thread after the end; soon if it has ended already.

        The callback may not block. Raises TypeError if it is not callable. Any thread.
        """
        if not (isinstance(callback, Notifier) and self._become_sole(callback)):
            self._end().rawlink(callback)

    def _become_sole(self, notifier: Notifier) -> bool:
        """Make `notifier` the single waiter, which needs no latch; return False if that is impossible."""
        if self._state == UNMADE:
            raise self._unmade()
        hub = self.hub
        loop = hub.loop
        if self._sole is not None or not loop.on_owner_thread():
            return False
        self._sole = notifier
        if self._state == FINISHED:
            self._sole = None
            notifier.notify(self)
        return True

    def link(
        self,
        callback: Callable[[Self], object],
        SpawnedLink: Callable[..., Callable[..., object]] | None = None,
    ) -> None:
        """Call ``callback(greenlet)`` in a new greenlet after the end. Any thread.

        The callback runs up to its first wait before `join` and `get` return in greenlets that wait for the end.
        ``SpawnedLink(callback)``, if given, is called in the hub in place of `callback`. Raises TypeError if
        `callback` is not callable.
        """
        self._end().rawlink(SpawnedLink(callback) if SpawnedLink is not None else GreenLink(callback, None))

    def link_value(
        self,
        callback: Callable[[Self], object],
        SpawnedLink: Callable[..., Callable[..., object]] | None = None,
    ) -> None:
        """Like `link`, but call `callback` only if the greenlet was successful."""
        self._end().rawlink(SpawnedLink(callback) if SpawnedLink is not None else GreenLink(callback, True))

    def link_exception(
        self,
        callback: Callable[[Self], object],
        SpawnedLink: Callable[..., Callable[..., object]] | None = None,
    ) -> None:
        """Like `link`, but call `callback` only if the greenlet ended with an error."""
        self._end().rawlink(SpawnedLink(callback) if SpawnedLink is not None else GreenLink(callback, False))

    def unlink(self, callback: Callable[[Self], object]) -> None:
        """Remove the first link or rawlink of `callback` that has not been called. No-op if there is none."""
        if self._sole is callback:
            self._sole = None
            return
        latch = self._latch
        if latch is not None:
            latch.unlink(callback)

    def unlink_all(self) -> None:
        """Remove all links and rawlinks of the program."""
        latch = self._latch
        if latch is not None:
            latch._unlink_all()

    def has_links(self) -> bool:
        """Return whether a waiter or a link waits for the end."""
        latch = self._latch
        return self._sole is not None or (latch is not None and latch._has_links())

    # -- Killing

    def kill(
        self,
        exception: Throwable = GreenletExit,
        block: bool = True,
        timeout: SupportsFloat | None = None,
    ) -> None:
        """Raise `exception` in the greenlet. With `block`, park until it has finished, for `timeout` seconds at most.

        `exception` is a class, an instance, or a (type, value, traceback) as returned by `sys.exc_info`. Raises
        TypeError for anything else, and TypeError or ValueError if `timeout` is not a number of seconds. Any thread.

        A greenlet that has not run yet never runs. If the greenlet was woken but has not run since, its wait returns
        the result, and the exception is raised at its next blocking call.
        """
        if self._state == FINISHED:
            return
        if self._state == UNMADE:
            raise self._unmade()
        error: Any = _as_thrown(exception)
        loop = self.hub.loop
        if loop.on_owner_thread():
            if self._cancel_start():
                self._finish(None, error)
                return
            loop.ready.append(_Throw(self, error))
        else:
            loop.post(_Throw(self, error))
        # While this frame waits, it must not keep the error, whose traceback will refer to other frames.
        error = None
        if block and current() is not self:
            self.join(timeout)

    def throw(self, *args: Any) -> Any:
        """Switch to the greenlet now and raise an exception in it, as `greenlet.throw` does. `kill` is safer."""
        if self._state == UNMADE:
            raise self._unmade()
        if self._cancel_start() and self._state != FINISHED:
            given = args[0] if len(args) == 1 else (*args, None)[:3] if args else GreenletExit
            self._finish(None, as_exception(given))
            return None
        return greenlet.throw(self, *args)

    def __repr__(self) -> str:
        text = f'<{type(self).__name__} "{self.name}" at {id(self):#x}'
        function = self._function
        if self._state == FINISHED:
            # The text of a call that failed, the code of one that succeeded, or None.
            call = getattr(function, "co_name", function)
            return f"{text}: {call}>" if call else f"{text}>"
        if function is None:
            function = self._run
        return f"{text}: {render_call(function, self.args, self.kwargs, self)}>"


if TYPE_CHECKING:
    # Without the signatures for subclasses, so that the error about a wrong argument is plain.

    def spawn(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Greenlet[T]:
        """See `Greenlet.spawn`."""

    def spawn_later(
        seconds: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Greenlet[T]:
        """See `Greenlet.spawn_later`."""
else:
    spawn = Greenlet.spawn
    spawn_later = Greenlet.spawn_later


class _Throw(Entry):
    """An entry of the run queue that throws an error at a greenlet."""

    __slots__ = ("error", "target")

    def __init__(self, target: Any, error: BaseException) -> None:
        self.target = target
        self.error = error

    def run(self) -> None:
        """See `Entry.run`."""
        throw_soon(self.target, self.error, now=True)


def throw_soon(target: Any, error: BaseException, now: bool = False) -> None:
    """Throw `error` at a greenlet of this thread: at its park, or at its next park if it was woken already.

    A greenlet that was suspended by hand is resumed with the error. With `now`, the caller is the hub, which may
    switch to it; otherwise that step is queued.
    """
    if isinstance(target, Greenlet):
        known = target
        if known.ready():
            return
        if known._cancel_start():
            known._finish(None, error)
            return
    hub: Any = current_hub.get_hub()
    if deliver(hub, target, error):
        if now:
            _resume_failed(target, error)
        return
    if not now:
        hub.loop.ready.append(_Throw(target, error))
    elif is_active(target):
        throw_into(target, error)
    elif not target.dead:
        # It has never started. A throw would end it, and raise in its parent: a later switch must find it dead.
        _end_unstarted(target)


def _resume_failed(target: Any, error: BaseException) -> None:
    """Schedule a greenlet whose wait `error` has just ended before all other entries. The hub calls this."""
    park = parked(target)
    if park is not None and park.failed and park.outcome is error:
        # Not resumed here: this frame would keep the error, and the frames of its traceback, until the greenlet parks
        # again.
        park.hub.loop.ready.appendleft(park)


def _end_unstarted(target: Any) -> None:
    try:
        target.throw(GreenletExit)
    except GreenletExit:
        pass


def kill(target: greenlet, exception: Throwable = GreenletExit) -> None:
    """Raise `exception` (a class or an instance) in a greenlet of any kind, soon. Return without waiting.

    Also for raw greenlets and the main greenlet. Raises TypeError if `target` is not a greenlet, or `exception` not
    an exception. For other threads only if `target` is a `Greenlet`.
    """
    if isinstance(target, Greenlet):
        target.kill(exception, block=False)
        return
    if not isinstance(target, greenlet):
        raise TypeError(f"target must be a greenlet, not {target!r}")
    hub = current_hub.get_hub()
    entry = _Throw(target, _as_thrown(exception))
    if isinstance(target, Fiber) and not target._begun:
        # Its start is queued before the throw: cancel the start.
        target._queued = False
    hub.loop.ready.append(entry)


def _notify(waiter: Any, source: Any) -> None:
    # Two names of different types: the compiled build calls the methods directly.
    if isinstance(waiter, Park):
        park = waiter
        park.wake(True)
    else:
        notifier = waiter
        notifier.notify(source)
