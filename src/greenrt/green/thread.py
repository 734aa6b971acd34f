"""The standard library's `_thread` module, cooperative: threads are greenlets, locks suspend greenlets.

In a native thread without a hub, each function does the same as the standard one.
"""

# This module redefines the names of the standard module on purpose.
# mypy: disable-error-code="no-redef,assignment,misc"

import _thread as _stdlib
import os
import sys
from _signal import SIGINT
from _thread import *  # noqa: F403
from collections.abc import Callable
from contextvars import Context
from errno import ESRCH
from functools import cache, partial
from gc import get_objects
from operator import index
from types import FrameType
from weakref import WeakSet

from greenlet import getcurrent, greenlet

from greenrt import _atfork, _original
from greenrt._deadline import Deadline
from greenrt._hub.current_hub import (
    get_hub,
    get_hub_if_exists,
    main_greenlet,
    on_main_thread,
    threads_with_hub,
)
from greenrt._hub.deadlock import idle_threads
from greenrt._hub.fd_wait import yield_if_due
from greenrt._hub.greenlet import Greenlet
from greenrt._hub.local import local
from greenrt._hub.park import freeze, yield_now
from greenrt._native.switch import current_or_last, is_finalizing, spawns_on_behalf
from greenrt._native.unbound import unbound
from greenrt._typing import Any, Self
from greenrt.green._thread_end import Sentinel, at_native_end, poll_until_gone
from greenrt.green._twin import public_names
from greenrt.sync.event import Event
from greenrt.sync.lock import Lock
from greenrt.sync.lock import RLock as _GreenRLock

__all__ = public_names(_stdlib)


class lock(Lock):
    """`greenrt.Lock` under its standard name, by which `_thread` has the type. It has no subclasses."""

    __slots__ = ()
    __module__ = "_thread"
    # Up to 3.12 the type only has the other name.
    __qualname__ = "lock" if hasattr(_stdlib, "lock") else "LockType"

    def locked(self) -> bool:
        """Return whether the lock is held. It yields if due, as `acquire` does, since programs call it in loops."""
        yield_if_due()
        return Lock.locked(self)

    locked_lock = locked

    def __init_subclass__(cls) -> None:
        raise TypeError("type '_thread.lock' is not an acceptable base type")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle '_thread.lock' object")


class RLock(_GreenRLock):
    """`greenrt.RLock` under its standard name."""

    __slots__ = ()
    __module__ = "_thread"

    if sys.version_info >= (3, 15):

        def __new__(cls, *args: Any, **kwargs: Any) -> Self:
            """Refuse arguments that no __init__ accepts, as the standard class does from 3.15 on."""
            if (args or kwargs) and cls.__init__ is RLock.__init__:
                kind = "positional" if args else "keyword"
                raise TypeError(f"RLock() takes no {kind} arguments")
            return super().__new__(cls)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let a subclass's __new__ initialize the lock, as the standard class's does."""
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls) and "__new__" not in vars(cls):
            cls.__new__ = _new_complete

    def locked(self) -> bool:
        """Return whether the lock is held; see `lock.locked`."""
        yield_if_due()
        return _GreenRLock.locked(self)

    def __repr__(self) -> str:
        owner = self._owner()
        state = "unlocked" if owner is None else "locked"
        number = 0 if owner is None else _ident_of(owner)
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        return f"<{state} {kind} object owner={number} count={self._depth()} at {id(self):#x}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle '_thread.RLock' object")


def _new_complete(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """Create an RLock of a class whose own __init__ may not call that of RLock."""
    made = _GreenRLock.__new__(cls)
    _GreenRLock.__init__(made)
    return made


def _ident_of(owner: greenlet) -> int:
    """Return the identity of the thread that `owner` represents."""
    if owner.parent is not None:
        return id(owner)
    for ident, hub in list(threads_with_hub.items()):
        if hub.parent is owner:
            return ident
    return _original.get_ident() if owner is current_or_last() else id(owner)


class _local(local):
    """`greenrt.local` under its standard name."""

    __slots__ = ()
    __module__ = "_thread"

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle '_thread._local' object")

    def __copy__(self) -> Any:
        # As in CPython. `greenrt.local` can be copied, as gevent's.
        raise TypeError("cannot pickle '_thread._local' object")


for _made, _standard in (
    (lock, type(_original.allocate_lock())),
    (RLock, _original.RLock),
    (_local, _stdlib._local),
):
    _made.__doc__ = _standard.__doc__
del _made, _standard

allocate_lock: Any = lock
allocate: Any = lock
LockType: Any = lock

# Green threads that have not finished. `_ThreadHandle` knows those for which the end of the process waits.
_running: WeakSet[Any] = WeakSet()


# The greenlets that run signal handlers of the program, and how many each.
_handling: dict[greenlet, int] = {}


# Finalizers ask for it after this module has lost its names.
@partial(unbound, at_end=_original.get_ident)
def get_ident() -> int:
    """Return a number that identifies the calling thread among all living green and native threads.

    A signal handler has the identity of the main thread, whichever greenlet it interrupts.
    """
    current = current_or_last()
    if _handling and current in _handling:
        return _original.get_ident() if _new_main is None else id(_new_main)
    # The main greenlet of a native thread represents that thread.
    return _original.get_ident() if current.parent is None else id(current)


def call_handler(handler: Callable[..., object], number: int, frame: FrameType | None) -> None:
    """Call a signal handler in the running greenlet, on behalf of the main thread."""
    current = current_or_last()
    _handling[current] = _handling.get(current, 0) + 1
    try:
        handler(number, frame)
    finally:
        left = _handling.pop(current) - 1
        if left:
            _handling[current] = left


class _GreenThread(Greenlet):
    """A greenlet that represents a thread."""

    # The result of `_set_sentinel` (up to 3.12), and the handle that started the thread (3.13): for joins.
    sentinel: Any = None
    handle: Any = None
    # The argument of `set_name`.
    name_of_system = ""
    # Signals that this thread blocks and the native thread does not: see `_signal_mask`.
    blocked: Any = frozenset()

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().__init__(_run_thread, function, args, kwargs)
        # As CPython's threads, and unlike spawned greenlets: it does not get a copy of the starter's context.
        self.gr_context = Context()


def running_threads() -> list[Any]:
    """Return the green threads that have been started and have not ended."""
    return list(_running)


def ends_of_threads() -> list[tuple[Any, Any]]:
    """Return, for each running green thread, the object that its joins wait on, and the thread. Any thread."""
    found = []
    for thread in running_threads():
        sentinel, handle = thread.sentinel, thread.handle
        if sentinel is not None:
            found.append((sentinel._ended, thread))
        if handle is not None:
            found.append((handle._done, thread))
    return found


def _thread_of(ident: int) -> Any:
    """Return the running green thread with this identity; None if there is none."""
    for thread in running_threads():
        if id(thread) == ident:
            return thread
    return None


def native_ident(ident: Any) -> Any:
    """Return the identity of the native thread that runs the green thread or greenlet `ident`.

    For a native thread, return its own identity. Raise ProcessLookupError if no living thread has this identity: the
    C library uses it as an address, and would read the memory there.
    """
    if not isinstance(ident, int) or ident in threads_with_hub or ident in _original.current_frames():
        return ident
    here = main_greenlet(current_or_last())
    found = here if ident == _ident_of(current_or_last()) else _greenlet_of(ident)
    main = None if found is None else main_greenlet(found)
    if main is here:
        return _original.get_ident()
    for native, hub in list(threads_with_hub.items()):
        if hub.parent is main:
            return native
    raise ProcessLookupError(ESRCH, os.strerror(ESRCH))


def _greenlet_of(ident: int) -> greenlet | None:
    """Return the living greenlet with this identity, as returned by `get_ident`; None if no greenlet has it."""
    thread: greenlet | None = _thread_of(ident)
    if thread is not None:
        return thread
    # Slow, but rare: most programs pass identities of threads. A table would have a cost for each greenlet.
    for candidate in get_objects():
        if id(candidate) == ident and isinstance(candidate, greenlet):
            return None if candidate.dead else candidate
    return None


def throw_into(ident: int, kind: type[BaseException]) -> bool:
    """Raise `kind` in the green thread `ident`, at its current or next wait; return whether there is such a thread.

    The other threads may also pass the identity of the main greenlet. The calling thread itself gets `kind` at once.
    """
    current = current_or_last()
    thread = _thread_of(ident)
    if thread is not None:
        if thread is current:
            raise kind
        thread.kill(kind, block=False)
        return True
    hub = get_hub_if_exists()
    if hub is None or ident != hub.thread_ident or current is hub.parent:
        return False
    hub.handle_system_error(kind, kind())
    return True


def is_green_thread(target: greenlet) -> bool:
    """Return whether `target` was started as a thread, and not spawned."""
    return isinstance(target, _GreenThread)


def counts_as_main() -> bool:
    """Return whether the calling greenlet may do what CPython only allows in the main thread.

    Green threads may not. Spawned greenlets may, since they belong to no thread of `threading`. Signal handlers may,
    and so may a green thread that a fork has made the main thread of the child.
    """
    current = current_or_last()
    return not isinstance(current, _GreenThread) or current in _handling or current is _new_main


def _run_thread(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    thread: Any = getcurrent()
    try:
        function(*args, **kwargs)
    except SystemExit:
        pass
    except Exception as error:
        sys.unraisablehook(_unraisable(error, function))
    finally:
        _running.discard(thread)
        if _new_main is not None and not _running:
            # As in CPython: the last thread of such a child ends the process.
            os._exit(0)
        _announce_end(thread)


def _announce_end(thread: Any) -> None:
    """Wake up all waiters that join a green thread."""
    sentinel, thread.sentinel = thread.sentinel, None
    if sentinel is not None and sentinel.locked():
        sentinel.release()
    handle, thread.handle = thread.handle, None
    if handle is not None:
        _finish(handle)


def _unraisable(error: BaseException, function: Any) -> Any:
    """Return the argument for sys.unraisablehook. The standard hook only accepts this type."""
    # Up to 3.12 the function is the object; from 3.13 on it is in the message.
    message, thing = "Exception ignored in thread started by", function
    if sys.version_info >= (3, 13):
        message, thing = f"{message} {function!r}", None
    return _hook_args()((type(error), error, error.__traceback__, message, thing))


@cache
def _hook_args() -> Any:
    """Return the type of the argument of sys.unraisablehook. CPython only passes it to hooks."""

    class Failing:
        def __del__(self) -> None:
            raise RuntimeError

    seen: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, seen.append
    try:
        Failing()
    finally:
        sys.unraisablehook = hook
    return type(seen[0])


def _has_green_threads() -> bool:
    """Return whether a thread that is started here should be green. It would not run in a finalizing interpreter."""
    return not is_finalizing() and (get_hub_if_exists() is not None or on_main_thread())


def start_new_thread(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any = None, /) -> int:
    """Start a green thread; return its identifier. See `_thread.start_new_thread`."""
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    if not _has_green_threads():
        return _original.start_new_thread(function, args, kwargs or {})
    get_hub()
    thread = _GreenThread(function, args, kwargs or {})
    _running.add(thread)
    thread.start()
    return id(thread)


start_new: Any = start_new_thread


def set_name(name: str) -> None:
    """Set the name of the current native thread in the system; see `_thread.set_name` (3.14).

    A green thread has no name in the system: the name of its native thread would rename the whole process.
    """
    if not isinstance(name, str):
        raise TypeError(f"set_name() argument 'name' must be str, not {type(name).__name__}")
    current = current_or_last()
    if isinstance(current, _GreenThread):
        current.name_of_system = name
    else:
        _original.set_thread_name(name)


def system_name() -> str:
    """Return the name that the calling green thread has passed to `set_name`; "" without one or in another thread."""
    current = current_or_last()
    return current.name_of_system if isinstance(current, _GreenThread) else ""


def _get_name() -> str:
    """Return the name of the current native thread in the system; for a green thread, the name that it would have."""
    current = current_or_last()
    if isinstance(current, _GreenThread):
        # The same encoding as in `_thread.set_name`.
        name = current.name_of_system.encode(sys.getfilesystemencoding(), "replace")
        return os.fsdecode(name.split(b"\0", 1)[0][: getattr(_stdlib, "_NAME_MAXLEN", None)])
    return _stdlib_get_name()  # type: ignore[no-any-return]


def interrupt_main(signum: Any = SIGINT, /) -> None:
    """Simulate the arrival of signal `signum`. An exception of its handler is raised in the main thread.

    That means the main greenlet, at its current or next wait. Raise ValueError for a number that is not a signal. See
    `_thread.interrupt_main`.
    """
    hub = get_hub_if_exists()
    if hub is None or not on_main_thread() or current_or_last() is hub.main:
        _original.interrupt_main(signum)
        return
    _original.get_signal(signum)
    if is_green_thread(current_or_last()):
        # A main greenlet that is already woken up may never wait again. It runs first, if only to join this thread.
        yield_now()
    try:
        _original.interrupt_main(signum)
        # The interpreter runs the handler in the code that runs now, at the latest when a Python function begins.
        (lambda: None)()
    except BaseException as error:
        hub.handle_system_error(type(error), error)


# In the child of a fork: the green threads that only the parent has. They are kept for good, since the end of a
# suspended greenlet would run its `finally` blocks here.
_left_behind: list[Any] = []

# In the child of a fork that a green thread made: that thread, which is the main one here. The main greenlet does not
# exist here either.
_new_main: Any = None


def _leave_others_behind() -> None:
    """Remove all green threads but the forking one in the child of a fork, as native threads are removed.

    Spawned greenlets continue, as in gevent.
    """
    global _new_main
    current = current_or_last()
    others: list[Any] = [thread for thread in _running if thread is not current]
    if isinstance(current, _GreenThread):
        _new_main = current
        others.append(main_greenlet(current))
        hub = get_hub_if_exists()
        if hub is not None:
            hub.main = current
    for other in others:
        freeze(other)
        _running.discard(other)
        if isinstance(other, _GreenThread):
            _announce_end(other)
    _left_behind.extend(others)


_atfork.register(_atfork.RUNTIME, _leave_others_behind)


def _count() -> int:
    """Return the number of green and native threads, without greenrt's own idle ones."""
    yield_if_due()
    return len(_running) + _stdlib_count() - len(idle_threads)


_stdlib_count = _stdlib._count


def _set_sentinel() -> Sentinel:
    """Return a lock that is released when this thread ends. threading.Thread.join waits for it up to 3.12."""
    made = Sentinel()
    current = current_or_last()
    if isinstance(current, _GreenThread):
        current.sentinel = made
    elif not on_main_thread():
        made.follow_native_thread()
    # `threading._shutdown` releases that of the main thread.
    return made


class _ThreadHandle:
    """The handle that threading.Thread joins from 3.13 on."""

    __slots__ = ("__weakref__", "_done", "_native", "ident")
    __module__ = "_thread"

    def __init__(self) -> None:
        self.ident: int = 0
        self._done = Event()
        # CPython's own handle, for a native thread.
        self._native: Any = None

    def is_done(self) -> bool:
        """Return whether the thread has finished."""
        native = self._native
        return self._done.is_set() if native is None else bool(native.is_done())

    def _set_done(self) -> None:
        self._check_started()
        if self._native is not None:
            self._native._set_done()
        self._done.set()

    def _check_started(self) -> None:
        if not self.ident:
            raise RuntimeError("thread not started")

    def join(self, timeout: float | None = None, /) -> None:
        """Wait for the end of the thread, for at most `timeout` seconds. Raise RuntimeError in the thread itself."""
        self._check_started()
        limit = _join_limit(timeout)
        if self.is_done():
            # Another thread may have the identity by now.
            return
        # Not `get_ident`: a signal handler can't wait for the thread that it interrupts.
        if self.ident == _ident_of(current_or_last()):
            raise RuntimeError("Cannot join current thread")
        if limit == 0:
            # In a polling loop, let the thread run if a yield is due.
            yield_if_due()
            return
        deadline = Deadline(limit)
        if not self._done.wait(limit) or self._native is None:
            return
        if poll_until_gone(self._native.is_done, deadline.left()):
            # It returns at once, and frees the system's resources of the thread.
            self._native.join()

    def __repr__(self) -> str:
        return f"<_thread._ThreadHandle object: ident={self.ident}>"


def _join_limit(timeout: Any) -> float | None:
    """Check a timeout as CPython's handles do; return it in seconds, or None."""
    if timeout is None:
        return None
    seconds = timeout if isinstance(timeout, float) else float(index(timeout))
    if seconds != seconds:
        raise ValueError("Invalid value NaN (not a number)")
    if seconds > _original.TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return None if seconds < 0 else seconds


_non_daemons: set[_ThreadHandle] = set()


def start_joinable_thread(
    function: Callable[[], Any], handle: _ThreadHandle | None = None, daemon: bool = True
) -> _ThreadHandle:
    """Start a thread that can be joined. See `_thread.start_joinable_thread` (3.13)."""
    if not callable(function):
        raise TypeError("thread function must be callable")
    if handle is not None and not isinstance(handle, _ThreadHandle):
        raise TypeError("'handle' must be a _ThreadHandle")
    made = _ThreadHandle() if handle is None else handle
    if made.ident:
        raise RuntimeError("thread already started")
    if not daemon:
        _non_daemons.add(made)
    try:
        (_start_green if _has_green_threads() else _start_native)(function, made, daemon)
    except BaseException:
        _non_daemons.discard(made)
        raise
    return made


def _start_green(function: Callable[[], Any], handle: _ThreadHandle, daemon: bool) -> None:
    get_hub()
    thread = _GreenThread(function, (), {})
    thread.handle = handle
    handle.ident = id(thread)
    _running.add(thread)
    thread.start()


def _start_native(function: Callable[[], Any], handle: _ThreadHandle, daemon: bool) -> None:
    def run() -> None:
        at_native_end(partial(_finish, handle))
        function()

    native = handle._native = _original.make_native_handle()
    try:
        _original.start_joinable_thread(run, handle=native, daemon=daemon)
    except BaseException:
        handle._native = None
        raise
    handle.ident = native.ident


def _finish(handle: _ThreadHandle) -> None:
    """Mark a thread as ended. For a native thread, its code has ended."""
    handle._done.set()
    _non_daemons.discard(handle)


def adopt_handle(native: Any, daemon: bool) -> _ThreadHandle:
    """Return a handle of a native thread that CPython's own handle `native` has started."""
    made = _ThreadHandle()
    made.ident = native.ident
    made._native = native
    # No event reports the end of its code: a join polls from the start.
    made._done.set()
    if not daemon and not native.is_done():
        _non_daemons.add(made)
    return made


def _make_thread_handle(ident: int) -> _ThreadHandle:
    """Return a handle of a running thread that was started without one."""
    made = _ThreadHandle()
    made.ident = ident
    return made


def _shutdown() -> None:
    """Wait for all threads that are not daemons, at the end of the process (3.13)."""
    current = get_ident()
    while True:
        waited = [handle for handle in _non_daemons if handle.ident != current]
        if not waited:
            break
        for handle in waited:
            handle.join()
            _non_daemons.discard(handle)
    if _stdlib_shutdown is not None:
        _stdlib_shutdown()


# Looked up at import: patching replaces them by the functions above.
_stdlib_get_name: Any = getattr(_stdlib, "_get_name", None)
_stdlib_shutdown = getattr(_stdlib, "_shutdown", None)

# What patching replaces here, and under threading's names for it. Names that this Python lacks are left out.
FUNCTIONS: dict[str, Any] = {
    name: globals()[name]
    for name in (
        "LockType",
        "RLock",
        "_ThreadHandle",
        "_count",
        "_get_name",
        "_local",
        "_make_thread_handle",
        "_set_sentinel",
        "_shutdown",
        "allocate",
        "allocate_lock",
        "get_ident",
        "interrupt_main",
        "lock",
        "set_name",
        "start_joinable_thread",
        "start_new",
        "start_new_thread",
    )
    if hasattr(_stdlib, name)
}


spawns_on_behalf(globals())


def __getattr__(name: str) -> Any:
    return getattr(_stdlib, name)
