"""The hub: the greenlet that runs a thread's loop, resumes ready greenlets, and reports what goes wrong."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from types import TracebackType

from greenlet import greenlet

from greenrt import _original, _providers
from greenrt._hub import current_hub, fork
from greenrt._hub.deadlock import another_thread_runs, possible_wakers
from greenrt._hub.greenlet import throw_soon
from greenrt._hub.park import (
    TIMED_OUT,
    HubCore,
    Park,
    admit,
    new_park,
    parked,
    run_fiber,
    set_run_queue,
    wake_park,
)
from greenrt._hub.parked_greenlets import parks_of, render_parked
from greenrt._hub.pending import raise_soon
from greenrt._hub.report import ident_of
from greenrt._hub.shutdown import end_greenlets
from greenrt._hub.waiting_frame import hub_is_waiting_for_events
from greenrt._loop.callback import Callback
from greenrt._loop.loop import BATCH_CALLBACKS, BATCH_SECONDS, Loop
from greenrt._loop.watchers.base import Watcher
from greenrt._native import framecache
from greenrt._native.ring import Ring
from greenrt._native.switch import Fiber, current, hold, is_active, resume, resume_held, throw_into
from greenrt._native.thread import coarse, set_slot
from greenrt._render import render
from greenrt._signature import ConstructorSignature
from greenrt._typing import Any, SupportsFloat
from greenrt.errors import BlockingInHub, GreenletExit, HubDestroyed, LoopClosed, LoopExit

__all__ = ["Hub", "get_hub"]

# Every RECHECK seconds, the hub checks whether another native thread or a signal handler may still wake a greenlet.
# After SAY_SO_AFTER seconds, it logs that it waits only for these.
RECHECK = 1.0
SAY_SO_AFTER = 10.0
# Only a deadlock that lasts for so many seconds is one: a native thread that has just been started, or that runs only
# C code, has no Python frame by which it could be seen.
CONFIRM_AFTER = 0.05

# How many times the hub tries to report an error of its own.
REPORT_TRIES = 3


class _Raw:
    """The context of a raw greenlet's error. The hub keeps no reference to the greenlet itself."""

    def __repr__(self) -> str:
        return "<a raw greenlet whose parent is the hub>"


_RAW = _Raw()


class Hub(HubCore):
    """The hub of one native thread; its parent is the thread's main greenlet.

    `get_hub` makes it. A program may replace its error hooks on the instance or in a subclass, as with gevent's hub:
    `handle_error`, `SYSTEM_ERROR`, `NOT_ERROR` and `exception_stream`.

    Arguments:
    loop: the greenrt Loop to run; None makes a new one. Another type raises TypeError.

    Attributes:
    SYSTEM_ERROR: the exception classes that the hub raises in the main greenlet.
    NOT_ERROR: the exception classes that the hub does not print.
    exception_stream: the file that errors are printed to; False means the current ``sys.stderr``, None prints
    nothing.
    name: a text for the hub's repr.
    thread_ident: the identifier of the hub's native thread.
    loop: the hub's loop.
    main: the greenlet that represents the native thread, and gets its errors. This is the main greenlet; in the child
    of a fork that a green thread made, it is the green thread.
    """

    __signature__: ConstructorSignature = ConstructorSignature()

    SYSTEM_ERROR: tuple[type[BaseException], ...] = (KeyboardInterrupt, SystemExit, SystemError)
    # gevent prints a KeyboardInterrupt and then raises it in the main greenlet. greenrt only raises it.
    NOT_ERROR: tuple[type[BaseException], ...] = (GreenletExit, SystemExit, KeyboardInterrupt)

    def __init__(self, loop: Loop | None = None) -> None:
        if loop is not None and not isinstance(loop, Loop):
            raise TypeError(f"loop must be a greenrt Loop or None, not {loop!r}")
        assert _providers.check_environment is not None
        _providers.check_environment()
        main = current_hub.main_greenlet(current())
        greenlet.__init__(self, None, main)
        self.main: Any = main
        super().__init__(loop if loop is not None else Loop(default=current_hub.on_main_thread()))
        self.hub = self
        if os.environ.get("GREENRT_SEED"):
            # Imported here because `random` takes longer to import than all of greenrt.
            from greenrt._hub.seeded_queue import seed_run_queue

            seed_run_queue(self.loop)
        self.loop.error_handler = self._report_callback
        self.name = ""
        self.thread_ident: int = _original.get_ident()
        # False means the value of sys.stderr at the time of the error.
        self.exception_stream: Any = False
        self._joiner: Any = None
        self._quiet_since: float | None = None
        self._calm = False
        self._threadpool: Any = None
        self._resolver: Any = None
        self._ended = False
        self._wakes_lost = False
        framecache.install()
        for function in _providers.at_new_hub:
            function(self)

    # -- Running

    # The first switch to the hub calls this. It runs the loop for as long as the thread lives.
    run = staticmethod(hub_is_waiting_for_events)

    def _execute(self) -> None:
        while not self._ended:
            try:
                self._gather()
                if not self._ended:
                    self._drain()
            except BaseException as error:
                # For example a Ctrl-C between two steps.
                self._survive(error)

    def _survive(self, error: BaseException) -> None:
        """Report an error of the hub itself. If the hub died, the main greenlet could never wait again."""
        for _ in range(REPORT_TRIES):
            try:
                self._report_error(None, error)
                return
            except BaseException as another:
                # A Ctrl-C arrived during the report, or memory has run out.
                error = another

    def _gather(self) -> None:
        """Let the loop fill the run queue; sleep if the queue is empty."""
        loop = self.loop
        if loop.closed:
            self._loop_closed()
            return
        limit = inf
        if loop.alive():
            self._quiet_since = None
        else:
            limit = self._nothing_left()
            if self._ended:
                return
        try:
            if self._wakes_lost:
                self._find_woken()
            loop.gather(limit)
        except BaseException as error:
            self._report_error(None, error)

    def _look_for_woken(self) -> None:
        """Make the hub search for woken parks: a waker had no memory to queue one. Any thread may call this.

        The search does not find a greenlet that gc.freeze() hides and to which only local variables lead: its wake is
        lost.
        """
        self._wakes_lost = True
        self.loop.wake()

    def _find_woken(self) -> None:
        self._wakes_lost = False
        try:
            for park in parks_of(self):
                if park.woken:
                    # If the park is queued already, its second entry finds `done` set when it runs.
                    self.loop.ready.append(park)
        except MemoryError:
            self._look_for_woken()
            raise

    def _drain(self) -> None:
        """Run the ready entries until the queue is empty or a poll is due.

        Greenlets that park hand off to each other directly.
        """
        loop = self.loop
        ready = loop.ready
        inspector = loop.inspector
        self._budget = BATCH_CALLBACKS
        self._poll_due = coarse() + BATCH_SECONDS
        while len(ready) and self._budget > 0:
            item: Any = ready.popleft()
            self._budget -= 1
            try:
                if isinstance(item, Fiber):
                    run_fiber(item)
                elif type(item) is Park and inspector is None:
                    # While the hub is suspended here, its frame must not keep the object that the greenlet waited
                    # for.
                    item = admit(item)
                    if isinstance(item, Fiber):
                        # When the fiber ends, it switches to the hub, which then drops its reference.
                        resume(item)
                    elif item is not None:
                        # A raw greenlet may switch elsewhere by hand, and its last reference may be dropped there.
                        target = item
                        item = _RAW
                        held = hold(target)
                        target = None
                        resume_held(held)
                else:
                    entry = item
                    if inspector is None:
                        entry.run()
                    else:
                        inspector.run(entry)
            except BaseException as error:
                # A raw greenlet's error arrives here too, because the hub is its parent.
                self._report_error(item, error)
            entry = None
            if coarse() >= self._poll_due:
                break
        # While the hub polls, only the hub resumes greenlets.
        self._budget = 0

    def _nothing_left(self) -> float:
        """Handle the state in which nothing in this thread can wake a greenlet; return how many seconds to sleep.

        The hub sleeps in case another thread or a signal handler wakes one.
        """
        joiner = self._joiner
        if joiner is not None:
            self._joiner = None
            joiner.wake(True)
            return 0.0
        main = self.main
        now = self.loop.clock.now()
        if self._quiet_since is None:
            self._quiet_since = now
            self._calm = False
        quiet = now - self._quiet_since
        wakers = possible_wakers()
        # In the child of a fork, other green threads may outlive the one that forked.
        if wakers or main.dead:
            if quiet >= SAY_SO_AFTER:
                self._quiet_since = inf
                self._say_quiet(wakers)
            return RECHECK
        # On a busy machine, it takes a new thread longer to get to its Python frame: the kernel has not run it yet,
        # or it waits for the GIL, which this thread has now. So two looks, between which this thread waits without
        # the GIL, must find no thread that runs.
        was_calm, self._calm = self._calm, not another_thread_runs()
        if 0.0 <= quiet < CONFIRM_AFTER:
            return CONFIRM_AFTER - quiet
        if not (was_calm and self._calm):
            return CONFIRM_AFTER
        self._quiet_since = None
        lines = render_parked(self)
        message = "\n    ".join(
            ["This operation would block forever: nothing is left that could wake anyone", *lines]
        )
        error = LoopExit(message, self, lines)
        park = parked(main)
        if park is not None and park.fail(error):
            return 0.0
        # The program switched away from the main greenlet by hand.
        throw_into(main, error)
        return 0.0

    def _loop_closed(self) -> None:
        """Raise LoopClosed in a waiting main greenlet: other code closed the loop while the hub used it."""
        error = LoopClosed(f"{self.loop!r} of {self!r} is closed; nothing can be waited for in this thread")
        self.handle_system_error(LoopClosed, error)

    def _say_quiet(self, wakers: list[str]) -> None:
        # Imported here because few programs need it.
        from greenrt import _log

        lines = ["greenlets are parked, and only others can wake them:", *wakers, *render_parked(self)]
        _log.warn("\n    ".join(lines))

    def switch(self, *args: Any, **kwargs: Any) -> Any:
        """Switch to the hub. Integrations written for gevent do this, and resume the greenlet by their own `switch`.

        Raises WrongThread in another thread, and BlockingInHub if the hub itself calls.
        """
        self.loop.check_owner("hub.switch")
        if current() is self:
            raise BlockingInHub("the hub can't switch to itself; a callback it runs made a blocking call")
        return greenlet.switch(self, *args, **kwargs)

    def wait(self, watcher: Watcher) -> object:
        """Start `watcher`, park until it calls back, then stop it. It must not be started already.

        Only greenlets of this hub's thread may call this; in other threads it raises WrongThread. It raises
        ConcurrentObjectUseError if another greenlet waits on the watcher. It raises ValueError if the watcher is
        closed, Finalized if it is finalized before or during the wait, and LoopClosed if the loop is closed.
        """
        if not isinstance(watcher, Watcher):
            raise TypeError(f"watcher must be a watcher of the loop, not {watcher!r}")
        park = new_park(watcher)
        if watcher.callback is not None:
            from greenrt.errors import ConcurrentObjectUseError

            raise ConcurrentObjectUseError(
                f"{watcher!r} is in use by another greenlet; make a watcher for this one"
            )
        watcher.start(wake_park, park)
        watcher.waiter = park
        try:
            return park.wait()
        finally:
            watcher.waiter = None
            watcher.stop()

    def join(self, timeout: SupportsFloat | None = None) -> bool:
        """Park the main greenlet until the thread's loop has nothing left to do.

        Returns True if the loop has nothing left to do, False if `timeout` (seconds; None: no limit) expires first.
        Only the main greenlet may call this. Other greenlets get RuntimeError, other threads WrongThread.
        """
        self.loop.check_owner("hub.join")
        if current() is not self.main:
            raise RuntimeError(f"hub.join() is for the main greenlet of the thread, not for {current()!r}")
        if not self.loop.alive():
            return True
        park = new_park(("the end of everything (hub.join)",))
        self._joiner = park
        try:
            return park.wait(timeout, ref=False) is not TIMED_OUT
        finally:
            self._joiner = None

    # -- Ending

    def _may_have_greenlets(self) -> bool:
        """Return whether any greenlet is parked here or any entry is scheduled. Owner thread only."""
        return self._parked > 0 or self.loop.alive() or len(self.loop.timers) > 0

    def _thread_ended(self) -> None:
        """Destroy the hub because its thread ends. The thread itself calls this, in its main greenlet."""
        # The slot may be cleared already. A greenlet that parks or cleans up now must not get a new hub.
        set_slot(self)
        try:
            self._end(True)
        finally:
            set_slot(None)

    def destroy(self, destroy_loop: bool | None = None) -> None:
        """End the hub and close its loop. The thread gets a new hub when it needs one.

        The caller is the main greenlet. Parked greenlets of this hub get HubDestroyed and have one second at most to
        end. Those that gc.freeze() hides and to which only local variables lead get nothing; the hub logs their
        number. A second call does nothing. If the hub itself calls, it gets RuntimeError. Another thread gets
        WrongThread; it may call ``hub.loop.close()`` instead. `destroy_loop` is passed to HubDestroyed.
        """
        if not self._ended:
            self.loop.check_owner("hub.destroy")
        if current() is self:
            raise RuntimeError(
                "a hub can't destroy itself; call hub.destroy() from the thread's main greenlet"
            )
        try:
            self._end(destroy_loop)
        finally:
            if current_hub.get_hub_if_exists() is self:
                current_hub.drop_hub()

    def _end(self, destroy_loop: bool | None) -> None:
        try:
            if not self._ended and not self.loop.closed:
                end_greenlets(self)
        finally:
            self._ended = True
            if self._threadpool is not None:
                self._threadpool.kill()
            if self._resolver is not None:
                self._resolver.close()
            if is_active(self):
                throw_into(self, HubDestroyed(destroy_loop))
            self.loop.end()
            set_run_queue(self.loop, Ring())

    # -- Errors

    def _report_error(self, context: Any, error: BaseException) -> None:
        """Call `handle_error`, which the program may have replaced; print any exception that it raises.

        Raises only the exception that `handle_error` raises on purpose: a system error, in the main greenlet.
        """
        try:
            self.handle_error(context, type(error), error, error.__traceback__)
        except BaseException as failure:
            if failure is error and current() is self.main:
                raise
            # The failure's __context__ is `error`, so the traceback shows both.
            Hub.print_exception(self, self.handle_error, type(failure), failure, failure.__traceback__)
            if isinstance(failure, Hub.SYSTEM_ERROR):
                Hub.handle_system_error(self, type(failure), failure, failure.__traceback__)

    def _report_callback(self, context: Any, type: Any, value: Any, tb: Any) -> None:
        self._report_error(context, value)

    def handle_error(
        self, context: object, type: Any, value: Any = None, tb: TracebackType | None = None
    ) -> None:
        """Report an uncaught error: print it, and raise it in the main greenlet if it is a system error.

        A program may replace this hook. `context` is the object whose code failed, or None for the hub itself; an
        error without a context counts as a system error. `type`, `value` and `tb` are as in ``sys.exc_info()``.
        """
        if isinstance(value, str):
            value = type(value)
        if value is None:
            value = type()
        if isinstance(value, HubDestroyed) and self._ended:
            return
        if not issubclass(type, self.NOT_ERROR):
            self.print_exception(context, type, value, tb)
        if context is None or issubclass(type, self.SYSTEM_ERROR):
            self.handle_system_error(type, value, tb)

    def handle_system_error(self, type: Any, value: Any, tb: TracebackType | None = None) -> None:
        """Raise the error in the main greenlet, at its park.

        If the park was woken already, the error is raised as soon as the main greenlet runs, like the error of a
        signal handler. In native threads other than the main thread, it is raised at the main greenlet's next park.
        Any thread may call this. Raises LoopClosed if the loop is closed.
        """
        if not self.loop.on_owner_thread():
            self.loop.post(Callback(self.handle_system_error, (type, value, tb)))
            return
        if current() is self.main:
            raise value.with_traceback(tb)
        throw_soon(self.main, value)
        raise_soon(self.main, value)

    def print_exception(
        self, context: object, type: Any, value: Any, tb: TracebackType | None = None
    ) -> None:
        """Print the traceback, and a line that names the failed object, to `exception_stream`.

        If the stream raises OSError or ValueError, the text is dropped. If it raises another error, the stream is
        broken: the text and the stream's error go to `sys.__stderr__`.
        """
        stream = self.exception_stream
        if stream is False:
            stream = sys.stderr
        if stream is None:
            return
        text = _render_error(context, type, value, tb)
        try:
            _write(stream, text)
        except KeyboardInterrupt:
            raise
        except (OSError, ValueError):
            # The stream is closed, or the disk is full.
            pass
        except BaseException as error:
            last = sys.__stderr__
            if last is not None and last is not stream:
                text += f"The stream {render(stream)} for errors failed with {render(error)}\n"
                with suppress(OSError, ValueError):
                    _write(last, text)

    # -- Objects that belong to the hub

    @property
    def threadpool(self) -> Any:
        """The hub's pool of native threads. The first access makes it, and it can be set."""
        if self._threadpool is None:
            assert _providers.make_threadpool is not None
            self._threadpool = _providers.make_threadpool(self)
        return self._threadpool

    @threadpool.setter
    def threadpool(self, value: Any) -> None:
        if value is not None and (isinstance(value, type) or not callable(getattr(value, "apply", None))):
            raise TypeError(
                f"threadpool must be a ThreadPool, another object with its methods, or None, not {value!r}"
            )
        self._threadpool = value

    @property
    def resolver(self) -> Any:
        """The hub's resolver of host names. The first access makes it.

        It can be set to a resolver or to a resolver's name, and it can be deleted.
        """
        if self._resolver is None:
            assert _providers.make_resolver is not None
            self._resolver = _providers.make_resolver(self, None)
        return self._resolver

    @resolver.setter
    def resolver(self, value: Any) -> None:
        assert _providers.make_resolver is not None
        self._resolver = None if value is None else _providers.make_resolver(self, value)

    @resolver.deleter
    def resolver(self) -> None:
        self._resolver = None

    @property
    def main_hub(self) -> bool:
        """Whether this is the hub of the main thread."""
        return self.loop.default

    @property
    def backend(self) -> str:
        """The name of the loop's backend."""
        return self.loop.backend

    @property
    def minimal_ident(self) -> int:
        """A small number that no other living greenlet has."""
        return ident_of(self)

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        state = " destroyed" if self._ended else ""
        return f"<{type(self).__name__}{name} at {id(self):#x}{state} {self.loop!r} thread={self.thread_ident:#x}>"


def _render_error(context: Any, type: Any, value: Any, tb: TracebackType | None) -> str:
    # Imported here because it takes long to import.
    import traceback

    name = getattr(type, "__name__", render(type))
    try:
        lines = traceback.format_exception(type, value, tb)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # One of the exception's own methods failed.
        lines = [f"{name}, whose traceback can't be shown: {render(error)}\n"]
    if context is not None:
        lines.append(f"{time.ctime()} {render(context)} failed with {name}\n\n")
    return "".join(lines)


def _write(stream: Any, text: str) -> None:
    stream.write(text)
    flush = getattr(stream, "flush", None)
    if flush is not None:
        flush()


def _make_tracer(loop: Loop) -> Any:
    hub = current_hub.get_hub_if_exists()
    if hub is None or hub.loop is not loop:
        return None
    # Imported here because few programs need it.
    from greenrt._hub.debug import Tracer

    return Tracer()


# `current_hub` is below this module, so it can't name the class.
get_hub: Callable[[], Hub] = current_hub.get_hub

_providers.make_hub = Hub
_providers.make_tracer = _make_tracer
_providers.make_park = new_park
fork.install()
