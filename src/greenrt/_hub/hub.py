"""The hub: the greenlet that runs a thread's loop, resumes ready greenlets, and reports what goes wrong."""

import os
import sys
import time
from contextlib import suppress
from math import inf
from types import TracebackType

from greenlet import greenlet

from greenrt import _original, _providers
from greenrt._hub import current_hub, fork
from greenrt._hub.deadlock import possible_wakers
from greenrt._hub.greenlet import throw_soon
from greenrt._hub.park import TIMED_OUT, HubCore, Park, admit, new_park, parked, run_fiber, wake_park
from greenrt._hub.pending import raise_soon
from greenrt._hub.report import ident_of, parks_of, render_parked
from greenrt._hub.shutdown import end_greenlets
from greenrt._loop.callback import Callback
from greenrt._loop.loop import BATCH_CALLBACKS, BATCH_SECONDS, Loop
from greenrt._loop.watchers.base import Watcher
from greenrt._native import framecache
from greenrt._native.switch import Fiber, current, execute, hold, is_active, resume, resume_held, throw_into
from greenrt._native.thread import coarse, set_slot
from greenrt._render import render
from greenrt._typing import Any
from greenrt.errors import BlockingInHub, GreenletExit, HubDestroyed, LoopClosed, LoopExit

__all__ = ["Hub"]

# How often the hub looks whether another native thread or a signal handler may still wake someone, and after how
# long it says that it waits for that only (seconds).
RECHECK = 1.0
SAY_SO_AFTER = 10.0

# How often the hub tries to report an error of its own.
REPORT_TRIES = 3


class _Raw:
    """The context of an error that a raw greenlet raises: the hub keeps no reference to the greenlet itself."""

    def __repr__(self) -> str:
        return "<a raw greenlet whose parent is the hub>"


_RAW = _Raw()


class Hub(HubCore):
    """The hub of one native thread; its parent is the thread's main greenlet.

    Made by `get_hub`. Its error hooks may be replaced on the instance or in a subclass, as gevent's: `handle_error`,
    `SYSTEM_ERROR` (raised in the main greenlet), `NOT_ERROR` (not printed), `exception_stream` (None: silent).
    """

    SYSTEM_ERROR: tuple[type[BaseException], ...] = (KeyboardInterrupt, SystemExit, SystemError)
    # gevent prints a KeyboardInterrupt before it raises it in the main greenlet; once is enough.
    NOT_ERROR: tuple[type[BaseException], ...] = (GreenletExit, SystemExit, KeyboardInterrupt)

    def __init__(self, loop: Loop | None = None) -> None:
        if loop is not None and not isinstance(loop, Loop):
            raise TypeError(f"loop must be a greenrt Loop or None, not {loop!r}")
        assert _providers.check_environment is not None
        _providers.check_environment()
        main = current()
        while main.parent is not None:
            main = main.parent
        greenlet.__init__(self, None, main)
        super().__init__(loop if loop is not None else Loop(default=current_hub.on_main_thread()))
        self.hub = self
        if os.environ.get("GREENRT_SEED"):
            # Here, since `random` costs more to import than all of greenrt.
            from greenrt._hub.seeded_queue import seed_run_queue

            seed_run_queue(self.loop)
        self.loop.error_handler = self._report_callback
        self.name = ""
        self.thread_ident: int = _original.get_ident()
        # False: whatever sys.stderr is at the time.
        self.exception_stream: Any = False
        self._joiner: Any = None
        self._quiet_since: float | None = None
        self._threadpool: Any = None
        self._resolver: Any = None
        self._ended = False
        self._wakes_lost = False
        framecache.install()

    # -- Running

    def run(self) -> None:
        """Run the loop for as long as the thread lives; called by the first switch to the hub."""
        self.loop.check_owner("hub.run")
        execute(self)

    def _execute(self) -> None:
        while not self._ended:
            try:
                self._gather()
                if not self._ended:
                    self._drain()
            except BaseException as error:
                # Ctrl-C between two steps.
                self._survive(error)

    def _survive(self, error: BaseException) -> None:
        """Report an error of the hub itself. If the hub died, the main greenlet would never wait again."""
        for _ in range(REPORT_TRIES):
            try:
                self._report_error(None, error)
                return
            except BaseException as another:
                # Ctrl-C during the report, or memory has run out.
                error = another

    def _gather(self) -> None:
        """Have the loop fill the run queue; sleep if it is empty."""
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
        """Another thread has woken a park of this one, and had no memory to queue it. Any thread."""
        self._wakes_lost = True
        self.loop.wake()

    def _find_woken(self) -> None:
        self._wakes_lost = False
        try:
            for park in parks_of(self):
                if park.woken:
                    # One that is queued already finds out when it runs.
                    self.loop.ready.append(park)
        except MemoryError:
            self._look_for_woken()
            raise

    def _drain(self) -> None:
        """Run what is ready, until that is all or a poll is due. Greenlets that park hand over among themselves."""
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
                    # While the hub is suspended here, its frame must not keep what the greenlet waited for.
                    item = admit(item)
                    if isinstance(item, Fiber):
                        # Its end comes back to the hub, which forgets it then.
                        resume(item)
                    elif item is not None:
                        # A raw greenlet may switch elsewhere by hand, and be dropped there.
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
                # A raw greenlet's error ends here too: the hub is its parent.
                self._report_error(item, error)
            entry = None
            if coarse() >= self._poll_due:
                break
        # Only the hub resumes greenlets while it polls.
        self._budget = 0

    def _nothing_left(self) -> float:
        """Nothing in this thread can wake anyone. Return how long to sleep for (seconds) in case another one does."""
        joiner = self._joiner
        if joiner is not None:
            self._joiner = None
            joiner.wake(True)
            return 0.0
        wakers = possible_wakers()
        if wakers:
            now = self.loop.clock.now()
            if self._quiet_since is None:
                self._quiet_since = now
            elif now - self._quiet_since >= SAY_SO_AFTER:
                self._quiet_since = inf
                self._say_quiet(wakers)
            return RECHECK
        lines = render_parked(self)
        message = "\n    ".join(
            ["This operation would block forever: nothing is left that could wake anyone", *lines]
        )
        error = LoopExit(message, self, lines)
        main: Any = self.parent
        park = parked(main)
        if park is not None and park.fail(error):
            return 0.0
        # The main greenlet was switched away from by hand.
        throw_into(main, error)
        return 0.0

    def _loop_closed(self) -> None:
        """Other code closed the loop under the hub: raise an error in a main greenlet that waits."""
        error = LoopClosed(f"{self.loop!r} of {self!r} is closed; nothing can be waited for in this thread")
        self.handle_system_error(LoopClosed, error)

    def _say_quiet(self, wakers: list[str]) -> None:
        # Here, since few programs need it.
        from greenrt import _log

        lines = ["greenlets are parked, and only others can wake them:", *wakers, *render_parked(self)]
        _log.warn("\n    ".join(lines))

    def switch(self, *args: Any, **kwargs: Any) -> Any:
        """Switch to the hub, as integrations written for gevent do; they are resumed by their own `switch`."""
        self.loop.check_owner("hub.switch")
        if current() is self:
            raise BlockingInHub("the hub can't switch to itself; a callback it runs made a blocking call")
        return greenlet.switch(self, *args, **kwargs)

    def wait(self, watcher: Any) -> Any:
        """Park until `watcher`, which must not be started, calls back; stop it then.

        A greenlet of this hub's thread only: WrongThread elsewhere. ConcurrentObjectUseError if another greenlet
        waits on the watcher, Finalized if it is or gets finalized, ValueError if it is closed, LoopClosed if the
        loop is.
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

    def join(self, timeout: float | None = None) -> bool:
        """Park the main greenlet until the thread's loop has nothing left to do; tell whether it got there.

        Main greenlet only: RuntimeError elsewhere, WrongThread in another thread.
        """
        self.loop.check_owner("hub.join")
        if current() is not self.parent:
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
        """Tell whether anything is parked here or waits for its turn. Owner thread."""
        return self._parked > 0 or self.loop.alive() or len(self.loop.timers) > 0

    def _thread_ended(self) -> None:
        """The hub's thread is at its end, and calls this itself, in its main greenlet: `destroy`."""
        # The slot may be gone already, and a greenlet that parks or cleans up now must not get a new hub.
        set_slot(self)
        try:
            self._end(True)
        finally:
            set_slot(None)

    def destroy(self, destroy_loop: bool | None = None) -> None:
        """End the hub and close its loop; the thread gets a new one when it needs one.

        Call from the main greenlet. Greenlets that are parked here get HubDestroyed, and a second at most to end.
        Idempotent. WrongThread in another thread, which may call ``hub.loop.close()``.
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

    # -- Errors

    def _report_error(self, context: Any, error: BaseException) -> None:
        """Call `handle_error`, which the program may have replaced; print what that raises, and go on.

        Raises only what `handle_error` raises on purpose: a system error, if called in the main greenlet.
        """
        try:
            self.handle_error(context, type(error), error, error.__traceback__)
        except BaseException as failure:
            if failure is error and current() is self.parent:
                raise
            # Its context is `error`, which is printed too.
            Hub.print_exception(self, self.handle_error, type(failure), failure, failure.__traceback__)
            if isinstance(failure, Hub.SYSTEM_ERROR):
                Hub.handle_system_error(self, type(failure), failure, failure.__traceback__)

    def _report_callback(self, context: Any, type: Any, value: Any, tb: Any) -> None:
        self._report_error(context, value)

    def handle_error(
        self, context: Any, type: Any, value: Any = None, tb: TracebackType | None = None
    ) -> None:
        """Report an uncaught error: print it, and raise it in the main greenlet if it is a system error."""
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

        If that was woken already, the error comes as soon as the main greenlet runs, as that of a signal handler; in
        other native threads than the main one at its next park. Any thread; LoopClosed if the loop is closed.
        """
        if not self.loop.on_owner_thread():
            self.loop.post(Callback(self.handle_system_error, (type, value, tb)))
            return
        if current() is self.parent:
            raise value.with_traceback(tb)
        throw_soon(self.parent, value)
        raise_soon(self.parent, value)

    def print_exception(self, context: Any, type: Any, value: Any, tb: TracebackType | None = None) -> None:
        """Print the traceback, and a line that names what failed, to `exception_stream`.

        A stream that fails is given up; one that is broken (no OSError or ValueError) is named on `sys.__stderr__`.
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
            # A closed stderr, or a full disk.
            pass
        except BaseException as error:
            last = sys.__stderr__
            if last is not None and last is not stream:
                text += f"The stream {render(stream)} for errors failed with {render(error)}\n"
                with suppress(OSError, ValueError):
                    _write(last, text)

    # -- What hangs on the hub

    @property
    def threadpool(self) -> Any:
        """The hub's pool of native threads; made at the first look, can be set."""
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
        """The hub's resolver of names; made at the first look, can be set, also by its name, and deleted."""
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
        return self.loop.backend_name

    @property
    def minimal_ident(self) -> int:
        """A small number that no other living greenlet has."""
        return ident_of(self)

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        return f"<{type(self).__name__}{name} at {id(self):#x} {self.loop!r} thread={self.thread_ident:#x}>"


def _render_error(context: Any, type: Any, value: Any, tb: TracebackType | None) -> str:
    # Not above: it takes long to import.
    import traceback

    name = getattr(type, "__name__", render(type))
    try:
        lines = traceback.format_exception(type, value, tb)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # Of the exception's own methods.
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
    # Here, since few programs need it.
    from greenrt._hub.debug import Tracer

    return Tracer()


_providers.make_hub = Hub
_providers.make_tracer = _make_tracer
_providers.make_park = new_park
fork.install()
