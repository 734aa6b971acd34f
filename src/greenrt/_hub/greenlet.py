"""Greenlet: a function that runs by itself, can be waited for, linked to and killed."""

from collections.abc import Callable
from types import GenericAlias, TracebackType

from greenlet import greenlet

from greenrt._hub import current_hub
from greenrt._hub.latch import Latch
from greenrt._hub.links import GreenLink, Notifier
from greenrt._hub.park import TIMED_OUT, Park, as_seconds, new_park, parked
from greenrt._hub.pending import deliver
from greenrt._hub.report import ident_of
from greenrt._loop.callback import Entry
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
from greenrt._render import render_call, render_site
from greenrt._typing import TYPE_CHECKING, Any, Generic, TypeVar
from greenrt.errors import GreenletExit, HubDestroyed, as_exception

__all__ = ["Greenlet", "Start", "kill", "throw_soon"]

T = TypeVar("T")

UNSTARTED = 0
QUEUED = 1
RUNNING = 2
FINISHED = 3

_spawn_callbacks: list[Callable[[Any], object]] = []


class Start(Entry):
    """Starts a greenlet when a timer fires, or for another thread. `target` None: cancelled.

    In the ordinary case the greenlet itself is what is queued.
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
            # Posted by another thread just before the end of this one.
            throw_soon(target, HubDestroyed(True))
            return
        self.target = None
        resume(target)


if TYPE_CHECKING:

    class _Base(Fiber, Generic[T]):
        pass

else:
    # A compiled class can't inherit from Generic.
    _Base = Fiber


class Greenlet(Fiber):
    """A greenlet that reports its end. ``Greenlet(fn, *args, **kwargs)``, or a subclass that defines ``_run``.

    It is true from `start` until it has finished.

    gevent's class of the same name, with these differences: it starts in a copy of the context (contextvars) of
    the greenlet that made it; `join`, `get`, `link` and `kill` may be called from any thread.
    """

    def __init__(self, run: Callable[..., Any] | None = None, *args: Any, **kwargs: Any) -> None:
        if run is not None:
            if not callable(run):
                raise TypeError(
                    f"a greenlet runs something callable, not {run!r}; write spawn(fn, *args), not spawn(fn(*args))"
                )
        elif not callable(self._run):
            raise TypeError(f"{type(self).__name__}._run must be callable, not {self._run!r}")
        # None: `_run`, which a subclass may also set after this. After the end: what `__repr__` still says of it.
        self._function: Any = run
        hub = get_slot()
        attach_to_hub(self, hub if hub is not None else current_hub.get_hub())
        self._args = args
        self._kwargs: dict[str, Any] | None = kwargs or None
        self._start: Start | None = None
        self._result: Any = None
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None
        # The first of this thread that waits for the end: a Park or a Notifier. All others are in the latch.
        self._sole: Any = None
        self._name: str | None = None
        self._state = UNSTARTED

    __class_getitem__ = classmethod(GenericAlias)  # type: ignore[var-annotated]

    # -- Starting

    @classmethod
    def spawn(cls, *args: Any, **kwargs: Any) -> "Greenlet":
        """Make a greenlet and start it: ``Greenlet.spawn(fn, *args, **kwargs)``."""
        made = cls(*args, **kwargs)
        made.start()
        return made

    @classmethod
    def spawn_later(cls, seconds: float, *args: Any, **kwargs: Any) -> "Greenlet":
        """Make a greenlet and start it in `seconds`."""
        if cls is Greenlet and not args and "run" not in kwargs:
            raise TypeError("spawn_later takes the seconds, then a function: spawn_later(seconds, fn, *args)")
        made = cls(*args, **kwargs)
        made.start_later(seconds)
        return made

    def start(self) -> None:
        """Start at the next turn of the run queue, in the order of the calls of `start`; no-op after that."""
        if self._state == UNSTARTED:
            self._enqueue()

    def start_first(self) -> None:
        """Start before any other greenlet that is ready. In the hub, once, in place of `start`."""
        self._state = QUEUED
        if _spawn_callbacks:
            self._call_spawn_callbacks()
        self.queued = True
        self.hub.loop.ready.appendleft(self)

    def _enqueue(self) -> None:
        self._state = QUEUED
        if _spawn_callbacks:
            self._call_spawn_callbacks()
        hub = self.hub
        loop = hub.loop
        if loop.on_owner_thread():
            self.queued = True
            loop.ready.append(self)
        else:
            start = Start(self)
            self._start = start
            loop.post(start)

    def start_later(self, seconds: float) -> None:
        """Start in `seconds`; no-op if started already."""
        if self._state == UNSTARTED:
            loop = self.hub.loop
            loop.check_owner("Greenlet.start_later")
            wait = as_seconds(seconds)
            self._state = QUEUED
            start = Start(self)
            self._start = start
            if _spawn_callbacks:
                self._call_spawn_callbacks()
            loop.timers.push(start, loop.clock.now() + max(wait, 0.0))
            loop.refs += 1

    @staticmethod
    def add_spawn_callback(callback: Callable[["Greenlet"], object]) -> None:
        """Call ``callback(greenlet)`` whenever a greenlet is started."""
        if callback not in _spawn_callbacks:
            _spawn_callbacks.append(callback)

    @staticmethod
    def remove_spawn_callback(callback: Callable[["Greenlet"], object]) -> None:
        """Undo `add_spawn_callback`; no-op if it isn't there."""
        if callback in _spawn_callbacks:
            _spawn_callbacks.remove(callback)

    def _call_spawn_callbacks(self) -> None:
        for callback in _spawn_callbacks.copy():
            callback(self)

    def _cancel_start(self) -> bool:
        """Make a greenlet that hasn't run yet never run; tell whether it hadn't."""
        if self._state >= RUNNING:
            return False
        self.queued = False
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
        self._state = RUNNING
        self.begun = True
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
            # The traceback refers to this frame, and the greenlet, which it must not keep, to the error.
            self = None  # type: ignore[assignment]
        else:
            self._finish(result, None)

    def _finish(self, result: Any, error: BaseException | None) -> None:
        if error is not None and isinstance(error, GreenletExit):
            result = error
            error = None
        self._result = result
        self._error = error
        if error is not None:
            self._traceback = error.__traceback__
        self._state = FINISHED
        self.pending = None
        if error is None:
            # What the function was called with must not live as long as the handle.
            self._function = code_of(self._function)
            self._args = ()
            self._kwargs = None
            self._tell_end()
        else:
            function, args, kwargs = self._function, self._args, self.kwargs
            self._function = None
            self._args = ()
            self._kwargs = None
            self._tell_error(error, function, args, kwargs)

    def _tell_end(self) -> None:
        try:
            # Links first: their calls come before what waits for the end goes on.
            latch = self.latch
            try:
                if latch is not None:
                    latch.call_links()
            finally:
                sole = self._sole
                if sole is not None:
                    self._sole = None
                    _tell(sole, self)
        finally:
            # Read after the state was set: a thread that makes the latch meanwhile looks at the state afterwards.
            latch = self.latch
            if latch is not None:
                latch.fire()
                # The two refer to each other. Links whose turn has not come yet keep it, to be taken back.
                if not latch.has_queued_links():
                    self.latch = None
            if self.locals is not None:
                self.locals = None

    def _tell_error(
        self, error: BaseException, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        hub = self.hub
        if isinstance(error, hub.SYSTEM_ERROR):
            # Before the end: a main greenlet that waits for that would be woken by it, and might never wait again.
            try:
                self._report(error, function, args, kwargs)
            finally:
                self._tell_end()
        else:
            # After it: what handles the error may take long.
            try:
                self._tell_end()
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
            # Of a repr.
            hub.report_error(self, interrupt)
        except BaseException:
            # Of an attribute of the function's. The report goes without the call.
            pass
        hub.report_error(self, error)

    def _end(self) -> Latch:
        """Return the latch that the end sets."""
        latch: Latch = self.latch
        if latch is None:
            latch = self.keep_latch(Latch(self))
        if self._state == FINISHED:
            latch.fire()
        return latch

    # -- State

    def __bool__(self) -> bool:
        return UNSTARTED < self._state < FINISHED

    @property
    def started(self) -> bool:
        """Whether the greenlet was started and has not finished: the same as its truth value, as in gevent."""
        return UNSTARTED < self._state < FINISHED

    @property
    def dead(self) -> bool:
        """Whether the greenlet has finished, or will never run."""
        return self._state == FINISHED

    def ready(self) -> bool:
        """Tell whether the greenlet has finished, one way or the other."""
        return self._state == FINISHED

    def successful(self) -> bool:
        """Tell whether the greenlet has finished without an error; GreenletExit counts as success."""
        return self._state == FINISHED and self._error is None

    @property
    def value(self) -> Any:
        """What the function returned; None if there is nothing (yet)."""
        return self._result

    @property
    def exception(self) -> BaseException | None:
        """The exception that ended the greenlet, or None."""
        return self._error

    @property
    def exc_info(self) -> tuple[type[BaseException], BaseException, TracebackType | None] | None:
        """The (type, value, traceback) of `exception`, or None."""
        error = self._error
        return None if error is None else (type(error), error, self._traceback)

    @property
    def loop(self) -> Any:
        """The loop of the hub that runs the greenlet."""
        return self.hub.loop

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments of the function; can be set before it runs; empty once it has finished."""
        return self._args

    @args.setter
    def args(self, value: Any) -> None:
        self._args = tuple(value)

    @property
    def kwargs(self) -> dict[str, Any]:
        """The keyword arguments of the function; can be set before it runs; empty once it has finished."""
        return self._kwargs or {}

    @kwargs.setter
    def kwargs(self, value: dict[str, Any]) -> None:
        self._kwargs = dict(value) or None

    @property
    def minimal_ident(self) -> int:
        """A small number that no other living greenlet has; given at the first look, used again after the end."""
        return ident_of(self)

    @property
    def name(self) -> str:
        """A name for logs, ``Greenlet-<minimal_ident>`` unless set."""
        return self._name if self._name is not None else f"{type(self).__name__}-{ident_of(self)}"

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def spawned_at(self) -> str:
        """Where the greenlet was made: ``file:line in function``."""
        return render_site(self.site_code, self.site_offset)

    # -- Waiting for the end

    def join(self, timeout: float | None = None) -> None:
        """Wait until the greenlet has finished, or for `timeout` seconds."""
        if self._state != FINISHED:
            self._await_end(timeout)

    def _await_end(self, timeout: Any) -> bool:
        hub = self.hub
        loop = hub.loop
        if self._sole is not None or not loop.on_owner_thread():
            latch = self._end()
            return latch.wait_set(timeout)
        park = new_park(self)
        self._sole = park
        try:
            # A signal handler may have come between the look and here.
            return self._state == FINISHED or park.wait(timeout) is not TIMED_OUT
        finally:
            if self._sole is park:
                self._sole = None

    def notify_end(self, notifier: Notifier) -> None:
        """Link `notifier`, as `rawlink` does."""
        hub = self.hub
        loop = hub.loop
        if self._sole is not None or not loop.on_owner_thread():
            latch = self._end()
            latch.link(notifier)
            return
        self._sole = notifier
        if self._state == FINISHED:
            self._sole = None
            notifier.notify(self)

    def unnotify_end(self, notifier: Any) -> None:
        """Take `notifier` back."""
        if self._sole is notifier:
            self._sole = None
        else:
            self.unlink(notifier)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Return the function's result or raise its error, when it has finished.

        Raises `greenrt.Timeout` after `timeout` seconds, or at once with `block` false.
        """
        if self._state != FINISHED and not (block and self._await_end(timeout)):
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

    def __enter__(self) -> "Greenlet":
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        if kind is not None:
            # What the body raised is what ends the greenlet.
            self.kill((kind, value, traceback))
            return
        try:
            self.join()
        finally:
            self.kill()

    def _run(self) -> Any:
        """What runs if the constructor is given no function; subclasses override it."""

    # -- Links

    def rawlink(self, callback: Callable[["Greenlet"], object]) -> None:
        """Call ``callback(greenlet)`` in the hub after the end; it must not block. At once if ended already."""
        self._end().link(callback)

    def link(self, callback: Callable[["Greenlet"], object], SpawnedLink: Any = None) -> None:
        """Call ``callback(greenlet)`` in a new greenlet after the end.

        The callback has run up to its first wait when a `join` or `get` that waits for the end returns.
        `SpawnedLink`, if given, makes of the callback what is called in the hub.
        """
        self._end().link(SpawnedLink(callback) if SpawnedLink is not None else GreenLink(callback, None))

    def link_value(self, callback: Callable[["Greenlet"], object], SpawnedLink: Any = None) -> None:
        """Like `link`, but only if the greenlet was successful."""
        self._end().link(SpawnedLink(callback) if SpawnedLink is not None else GreenLink(callback, True))

    def link_exception(self, callback: Callable[["Greenlet"], object], SpawnedLink: Any = None) -> None:
        """Like `link`, but only if the greenlet ended with an error."""
        self._end().link(SpawnedLink(callback) if SpawnedLink is not None else GreenLink(callback, False))

    def unlink(self, callback: Callable[["Greenlet"], object]) -> None:
        """Remove one link or rawlink of `callback`, so that it is not called. Does nothing if it has none."""
        latch = self.latch
        if latch is not None:
            latch.unlink(callback)

    def unlink_all(self) -> None:
        """Take back all links."""
        latch = self.latch
        if latch is not None:
            latch.unlink_all()

    def has_links(self) -> bool:
        """Tell whether anyone waits for the end or is linked to it."""
        latch = self.latch
        return self._sole is not None or (latch is not None and latch.has_links())

    # -- Killing

    def kill(
        self,
        exception: Any = GreenletExit,
        block: bool = True,
        timeout: float | None = None,
    ) -> None:
        """Raise `exception` in the greenlet, and wait until it has finished (with `block`), for `timeout` seconds.

        `exception`: a class, an instance, or a (type, value, traceback) as of `sys.exc_info`.

        A greenlet that hasn't run yet never will. One that was woken but hasn't run since gets what it was woken
        with, and the exception at its next blocking call. Any thread.
        """
        if self._state == FINISHED:
            return
        error: Any = as_exception(exception)
        loop = self.hub.loop
        if loop.on_owner_thread():
            if self._cancel_start():
                self._finish(None, error)
                return
            loop.ready.append(_Throw(self, error))
        else:
            loop.post(_Throw(self, error))
        # While this frame waits, it must not keep what the traceback will refer to.
        error = None
        if block and current() is not self:
            self.join(timeout)

    def throw(self, *args: Any) -> Any:
        """Switch to the greenlet and raise in it now; as `greenlet.throw`. Prefer `kill`."""
        if self._cancel_start() and self._state != FINISHED:
            given = args[0] if len(args) == 1 else (*args, None)[:3] if args else GreenletExit
            self._finish(None, as_exception(given))
            return None
        return greenlet.throw(self, *args)

    def __repr__(self) -> str:
        text = f'<{type(self).__name__} "{self.name}" at {id(self):#x}'
        function = self._function
        if self._state == FINISHED:
            # The text of the call that failed, the code that succeeded, or None.
            call = getattr(function, "co_name", function)
            return f"{text}: {call}>" if call else f"{text}>"
        if function is None:
            function = self._run
        return f"{text}: {render_call(function, self._args, self.kwargs, self)}>"


class _Throw(Entry):
    """Throws at a greenlet from the run queue."""

    __slots__ = ("error", "target")

    def __init__(self, target: Any, error: BaseException) -> None:
        self.target = target
        self.error = error

    def run(self) -> None:
        """See `Entry.run`."""
        throw_soon(self.target, self.error, now=True)


def throw_soon(target: Any, error: BaseException, now: bool = False) -> None:
    """Throw `error` at a greenlet of this thread: at its park, its next park, or, suspended by hand, there.

    `now` says that the hub itself calls and may switch; else that part is queued.
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
        # Never started: a throw into it would end it, and raise in its parent; switching to it must find it dead.
        _bury(target)


def _resume_failed(target: Any, error: BaseException) -> None:
    """Resume a greenlet whose wait `error` has just ended, ahead of what is queued. In the hub."""
    park = parked(target)
    if park is not None and park.failed and park.outcome is error:
        # Not here: until the greenlet parks again, this frame would keep the error, and what its traceback refers to.
        park.hub.loop.ready.appendleft(park)


def _bury(target: Any) -> None:
    try:
        target.throw(GreenletExit)
    except GreenletExit:
        pass


def kill(target: Any, exception: type[BaseException] | BaseException = GreenletExit) -> None:
    """Raise `exception` in any greenlet, raw ones and the main one included, at the next turn; does not wait."""
    if isinstance(target, Greenlet):
        target.kill(exception, block=False)
        return
    hub = current_hub.get_hub()
    entry = _Throw(target, as_exception(exception))
    if isinstance(target, Fiber) and not target.begun:
        # Its start is queued before the throw, and must not come true.
        target.queued = False
    hub.loop.ready.append(entry)


def _tell(waiter: Any, source: Any) -> None:
    # Each under a name of its own type, so that the compiled build calls it directly.
    if isinstance(waiter, Park):
        park = waiter
        park.wake(True)
    else:
        notifier = waiter
        notifier.notify(source)
