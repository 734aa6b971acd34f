"""Park: the only way to suspend a greenlet, and the only way to wake it.

A `Park` is one wait of one greenlet, or of one native thread without a hub. It ends exactly once: by a wake, a
timeout or an error. The first of these to claim the park ends it, and later attempts return false. A wake is never
undone: if a kill or a Timeout arrives between the wake and the resumption, it takes effect at the greenlet's next
park. So an item or a lock that was handed to a waiter cannot be lost, and no primitive has to undo an operation.

    new_park() -> queue it where the waker will find it -> park.wait()       in the waiter
    park.wake(outcome), from any thread                                      in the waker

If the wake precedes the wait, the wait returns at once.
"""

from greenlet import greenlet

from greenrt import _original
from greenrt._events import TIMER
from greenrt._hub import current_hub
from greenrt._hub.swapped_state import resume_apart
from greenrt._loop.callback import Entry
from greenrt._loop.loop import Loop
from greenrt._native.heap import HeapNode
from greenrt._native.ring import Ring
from greenrt._native.switch import (
    INTERRUPTIBLE,
    Fiber,
    as_fiber,
    current_or_none,
    has_started,
    hold,
    is_active,
    is_finalizing,
    namespace_of,
    resume,
    resume_held,
)
from greenrt._native.thread import coarse, get_slot, run_soon, untrack
from greenrt._typing import Any
from greenrt.errors import BlockingInHub, InvalidSwitchError, LoopClosed

__all__ = [
    "TIMED_OUT",
    "YIELD",
    "HubCore",
    "NativePark",
    "Park",
    "Shadow",
    "admit",
    "as_seconds",
    "checked_seconds",
    "freeze",
    "in_hub",
    "new_park",
    "note_fork",
    "parked",
    "run_fiber",
    "set_run_queue",
    "shadow",
    "state_of",
    "wake_park",
    "yield_now",
]


class _TimedOut:
    """The type of TIMED_OUT."""

    def __repr__(self) -> str:
        return "TIMED_OUT"

    def __bool__(self) -> bool:
        return False


# The result of `Park.wait` after its timeout.
TIMED_OUT: Any = _TimedOut()

# What a yield waits on, for the report.
YIELD = "sleep(0)"

_TEXTS = (str, bytes, bytearray)
# These are C variables, if compiled: at the very end of the interpreter, modules lose their names.
_allocate_lock = _original.allocate_lock
_LONGEST = _original.TIMEOUT_MAX  # The longest timeout of a lock: about 292 years.
# Whether signal handlers may run in the middle of this module, which then has to expect that they wait.
_interruptible = INTERRUPTIBLE
# The loops whose run queues are Python code, by id.
_python_queues: set[int] = set()

# Whether this process is the child of a fork. If so, parks of threads that only the parent has may exist.
_forked = False

# The parks of waits that signal handlers have interrupted, by the park of the handler's own wait.
_interrupted: dict[Any, Any] = {}

# The parks in which native threads without a hub are waiting.
_native_parks: set["NativePark"] = set()


class Shadow:
    """The runtime's state of a greenlet that is not a Fiber: a main greenlet, or a raw one of the program.

    A Fiber has these fields itself.
    """

    __slots__ = ("_locals", "_park", "_pending", "due")

    def __init__(self) -> None:
        self._park: Any = None
        self._pending: Any = None
        self._locals: Any = None
        # A function to call as soon as the greenlet runs: see `overdue`.
        self.due: Any = None


def shadow(target: greenlet) -> Shadow:
    """Return the Shadow of a raw greenlet; make it if needed. The greenlet owns it."""
    state = namespace_of(target)
    found: Shadow | None = state.get("_greenrt")
    if found is None:
        # Meanwhile a finalizer, a signal handler or another thread may have made one, and stored something in it.
        made: Shadow = state.setdefault("_greenrt", Shadow())
        return made
    return found


def state_of(target: greenlet) -> Any:
    """Return what has the runtime's state of a greenlet: the greenlet itself if it is a Fiber, else its Shadow.

    Code that runs once per switch tests for the Fiber itself, since compiled code reads typed fields faster.
    """
    return target if isinstance(target, Fiber) else shadow(target)


def parked(target: greenlet) -> Any:
    """Return the Park in which `target` waits, or None. Any thread may call this; it changes nothing."""
    # isinstance might read its ``__class__``.
    if issubclass(type(target), Fiber):
        fiber: Any = target
        return fiber._park
    found = namespace_of(target).get("_greenrt")
    return None if found is None else found._park


class HubCore(Fiber):
    """The part of the hub that a parking greenlet needs: it finds the next greenlet to run.

    Argument and attribute: `loop`, the Loop of the hub's thread.
    """

    loop: Loop

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        # The number of entries that may still be resumed before the hub polls again, and the time of that poll
        # (coarse clock).
        self._budget = 0
        self._poll_due = 0.0
        # The number of greenlets that were scheduled to start, for statistics.
        self._spawned = 0
        # The number of greenlets that are suspended in a park.
        self._parked = 0
        # If set, this function exchanges the part of the thread's state that belongs to the running greenlet: see
        # `resume_apart`.
        self._swap: Any = None

    def _look_for_woken(self) -> None:
        """See `Hub._look_for_woken`."""
        raise NotImplementedError

    def _hand_off(self, running: greenlet) -> None:
        """Suspend `running`, the current greenlet: switch to the next ready greenlet, or to the hub.

        Returns when `running` is resumed. The hub gets control when the queue is empty, when a poll is due, and when
        the next entry is not a started greenlet. Starting a greenlet from here would nest C stacks, and a callback
        must run in the hub.
        """
        ready = self.loop.ready
        # A signal handler that ran between the choice of a greenlet and the switch to it might wait, and the chosen
        # greenlet with it. In the hub nothing can wait.
        while self._budget > 0 and not _interruptible:
            entry = ready.peek()
            if type(entry) is Park:
                park: Any = entry
                if park.done:
                    ready.popleft()
                    continue
                if coarse() >= self._poll_due:
                    break
                # A switch to a dead greenlet would land in its parent. This one is alive: its end would have set
                # `done`.
                park.done = True
                target = park.greenlet
                park = None
            else:
                fiber = as_fiber(entry)
                if fiber is None:
                    break
                if not fiber._queued:
                    ready.popleft()
                    continue
                if not fiber._begun or coarse() >= self._poll_due:
                    break
                fiber._queued = False
                target = fiber
                fiber = None
            ready.popleft()
            # This frame exists for as long as `running` is parked. It must keep neither other greenlets nor the
            # objects that they waited for.
            entry = None
            self._budget -= 1
            # A greenlet may find its own entry in the queue.
            if target is not running:
                mine = None if self._swap is None else self._swap(None)
                if mine is None:
                    held = hold(target)
                    target = None
                    resume_held(held)
                else:
                    resume_apart(self._swap, mine, target)
            return
        # For the same reason, the frame must not keep the entries that it inspected.
        entry = park = fiber = None
        mine = None if self._swap is None else self._swap(None)
        if mine is None:
            resume(self)
        else:
            resume_apart(self._swap, mine, self)


def as_seconds(timeout: Any) -> float:
    """Return `timeout`, a number or a greenrt.Timeout, as a float (seconds).

    Raises TypeError if it is not a number, and ValueError if it is NaN.
    """
    if type(timeout) is float:
        exact: float = timeout
        if exact == exact:
            return exact
    return checked_seconds(timeout, "timeout")


def checked_seconds(value: Any, name: str) -> float:
    """Return `value`, the caller's argument `name`, as a float (seconds). Raises the same errors as `as_seconds`."""
    if type(value) is int:
        return float(value)
    # float() would accept a text and parse it.
    if not isinstance(value, _TEXTS):
        try:
            seconds = float(value)
        except TypeError:
            pass
        else:
            if seconds != seconds:
                raise ValueError(f"{name} must be a number of seconds, not {value!r}")
            return seconds
    raise TypeError(f"{name} must be a number of seconds, not {value!r}")


class Park(Entry):
    """One wait of one greenlet. The greenlet owns it; any thread may call `wake` and `fail`. `new_park` makes it.

    Attributes:
    hub: the hub of the waiter's thread; None for a native thread without a hub.
    greenlet: the waiter.
    what: the object that the waiter waits on, or a tuple that the report renders.
    guard: an object whose `_withdraw` is called when the wait ends other than by a wake, or None.
    counted: whether the park keeps the loop alive while it is suspended. Waits with a timeout and waits for file
    descriptors set it. Other sources of a wake keep the loop alive themselves.
    previous, following, queue: fields of the WaitList that contains the park.
    outcome: the result of the wait. Before the end it may hold an object of the waiter's, such as an item to put.
    """

    __slots__ = (
        "counted",
        "done",
        "ended",
        "failed",
        "following",
        "greenlet",
        "guard",
        "hub",
        "outcome",
        "previous",
        "queue",
        "suspended",
        "timed",
        "what",
    )

    hub: Any
    greenlet: Any
    what: Any
    guard: Any
    queue: Any
    previous: Any
    following: Any

    def claim(self) -> bool:
        """See `HeapNode.claim`. In the child of a fork, a park of a greenlet of another thread cannot be claimed."""
        if _forked and self.hub is not None and self.hub.loop.closed:
            return False
        return HeapNode.claim(self)

    def wake(self, outcome: Any) -> bool:
        """End the wait with a result; return False if it had ended already. Any thread may call this."""
        if not self.claim():
            return False
        self._end(outcome)
        return True

    def fail(self, error: BaseException) -> bool:
        """End the wait with an exception; return False if it had ended already. Any thread may call this."""
        if not self.claim():
            return False
        self.failed: bool = True
        self._end(error)
        return True

    def finish(self, outcome: Any) -> None:
        """End a wait that the caller has claimed, with a result. Any thread may call this."""
        self._end(outcome)

    def finish_failed(self, error: BaseException) -> None:
        """End a wait that the caller has claimed, with an exception. Any thread may call this."""
        self.failed = True
        self._end(error)

    def abandon(self) -> bool:
        """End the waiter's own wait without a result; return False if it had ended already."""
        self.done: bool = True
        return self.claim()

    def _end(self, outcome: Any) -> None:
        self.outcome: Any = outcome
        self.ended: bool = True
        # The waiter sets `suspended` and then reads `ended` again. The waker sets `ended` and then reads `suspended`.
        # So at least one of them sees the other's flag. If both do, the entry that is queued here finds `done` set.
        if self.suspended:
            self._enqueue()

    def _enqueue(self) -> None:
        loop = self.hub.loop
        if loop.on_owner_thread():
            loop.ready.append(self)
            return
        lost = False
        try:
            loop.post(self)
        except LoopClosed:
            # The waiter's thread has ended. This is no error for the waker.
            pass
        except MemoryError:
            lost = True
        if lost:
            # The wake can't be undone, so the hub searches for the park itself.
            self.hub._look_for_woken()

    def fire(self, events: int) -> None:
        """See `Entry.fire`."""
        self.wake(TIMED_OUT if events == TIMER else events)

    def run(self) -> None:
        """See `Entry.run`: resume the greenlet. The hub calls this."""
        target = admit(self)
        if target is not None:
            resume(target)

    def wait(self, timeout: Any = None, ref: bool = True) -> Any:
        """Suspend the calling greenlet until the park ends; return the outcome, or raise the error.

        Returns TIMED_OUT after `timeout` seconds (None: no limit), or when `timeout` is a greenrt.Timeout that
        expires. If `ref` is false, the timeout does not keep the loop alive.
        """
        if not self.ended:
            self._suspend(timeout, ref)
        self.done = True
        outcome = self.outcome
        if self.failed or outcome is TIMED_OUT:
            self._leave_guard()
            if self.failed:
                if outcome is not timeout:
                    # No variable may refer to the error: its traceback refers to this frame, and the cycle would keep
                    # both alive.
                    outcome = None
                    raise self._take_error()
                self.outcome = None
                return TIMED_OUT
            if timeout is not None:
                current_hub.raise_own_error(timeout)
        return outcome

    def _take_error(self) -> Any:
        error = self.outcome
        self.outcome = None
        return error

    def _leave_guard(self) -> None:
        """Make the guard forget this park."""
        guard = self.guard
        if guard is not None:
            self.guard = None
            guard._withdraw(self)

    def _suspend(self, timeout: Any, ref: bool) -> None:
        # Each switch copies the C stack, so this function has few locals and two others do the work. `except` would
        # save the error that is being handled, and copy it too.
        completed = False
        try:
            if self._begin(timeout, ref):
                if self.ended:
                    self.done = True
                else:
                    hub = self.hub
                    hub._hand_off(self.greenlet)
            completed = True
        finally:
            try:
                if not completed:
                    # Something has thrown an error into the greenlet, perhaps after its wake.
                    self._leave_guard()
            finally:
                if self.suspended:
                    self._settle()

    def _begin(self, timeout: Any, ref: bool) -> bool:
        """Prepare to suspend: start the timer and return True; or end the park and return False.

        The park ends here if an error is pending for the greenlet, or if `timeout` is invalid.
        """
        target = self.greenlet
        fiber = as_fiber(target)
        holder: Any = fiber if fiber is not None else shadow(target)
        if (fiber._pending if fiber is not None else holder._pending) and self.claim():
            self.failed = True
            self.outcome = holder._pending.pop(0)
            return False
        if timeout is not None and not self._start_time(timeout, ref):
            return False
        if _interruptible:
            _set_aside(self, holder)
        # From here on nothing is called that a signal handler could interrupt.
        hub = self.hub
        hub._parked += 1
        if self.counted:
            loop = hub.loop
            loop.refs += 1
        if fiber is not None:
            fiber._park = self
            fiber._queued = False
        else:
            holder._park = self
        self.suspended: bool = True
        return True

    def _start_time(self, timeout: Any, ref: bool) -> bool:
        """Start the timer; if `timeout` is invalid, end the wait with that error and return False."""
        try:
            seconds = as_seconds(timeout)
        except Exception as error:
            # A waiter that was woken already gets the result of the wake instead.
            if not self.claim():
                return True
            self.failed = True
            self.outcome = error
            return False
        loop = self.hub.loop
        timers = loop.timers
        clock = loop.clock
        timers.push(self, clock.now() + (seconds if seconds > 0.0 else 0.0))
        self.timed: bool = True
        if ref:
            self.counted: bool = True
        return True

    def _settle(self) -> None:
        """Undo `_begin` after the greenlet was resumed."""
        if not self.done:
            self._stranger()
            self._leave_guard()
        target = self.greenlet
        fiber = as_fiber(target)
        holder = None
        if fiber is not None:
            fiber._park = None
        else:
            holder = shadow(target)
            holder._park = None
        if _interrupted:
            _put_back(self)
        hub = self.hub
        hub._parked -= 1
        if self.counted:
            loop = hub.loop
            loop.refs -= 1
        if self.timed:
            loop = self.hub.loop
            timers = loop.timers
            timers.remove(self)
        # This is the last step because without compiling, `run_soon` calls the function at once.
        if holder is not None and holder.due is not None:
            due, holder.due = holder.due, None
            run_soon(due)

    def _stranger(self) -> None:
        """End a park whose greenlet something other than the wake resumed, with InvalidSwitchError.

        After a `throw`, the thrown error is raised. After a `switch`, the wait can't continue, so this error is
        raised.
        """
        if self.abandon():
            self.failed = True
            self.outcome = InvalidSwitchError(
                f"Invalid switch: {self.greenlet!r} is parked on {self.what!r} and was switched to by hand; wake it "
                "through what it waits on, or kill() it"
            )

    @property
    def waiting(self) -> bool:
        """Whether the waiter is suspended and nothing has ended the wait."""
        return self.suspended and not self.ended and not self.done

    @property
    def over(self) -> bool:
        """Whether something has ended the wait, or its greenlet goes on otherwise."""
        return self.ended or self.done

    @property
    def woken(self) -> bool:
        """Whether the waiter is suspended, and the wait has ended."""
        return self.suspended and self.ended and not self.done

    def __repr__(self) -> str:
        state = "done" if self.done else "woken" if self.ended else "parked" if self.suspended else "new"
        return f"<{type(self).__name__} at {id(self):#x} {state}: {self.greenlet!r} on {self.what!r}>"


class NativePark(Park):
    """One wait of a native thread that has no hub. The thread blocks, as in CPython's own primitives."""

    __slots__ = ("_lock",)

    _lock: Any

    def _enqueue(self) -> None:
        self._lock.release()

    def _suspend(self, timeout: Any, ref: bool) -> None:
        _native_parks.add(self)
        self.suspended = True
        try:
            if not self.ended:
                self._block(timeout)
        finally:
            _native_parks.discard(self)

    def _block(self, timeout: Any) -> None:
        if timeout is None:
            self._lock.acquire()
        else:
            try:
                seconds = as_seconds(timeout)
            except Exception as error:
                if self.claim():
                    self.failed = True
                    self.outcome = error
                    return
                seconds = 0.0
            if not self._lock.acquire(True, min(max(seconds, 0.0), _LONGEST)) and self.claim():
                self.outcome = TIMED_OUT
                return
        if not self.ended:
            # A waker has claimed the park and is about to set the outcome.
            self._lock.acquire()


class LastPark(NativePark):
    """A wait in a finalizer at the very end of the interpreter. Only the timeout ends it: no other code runs."""

    __slots__ = ()

    def _block(self, timeout: Any) -> None:
        if timeout is None:
            raise RuntimeError(f"the interpreter ends: no code is left to end a wait on {self.what!r}")
        NativePark._block(self, timeout)


def note_fork() -> None:
    """Forget other threads in the child of a fork: the wakes of their waiters, and the run queues of their loops.

    A lock handed to such a waiter would be lost. Nothing replaces such a run queue: its entries are kept.
    """
    global _forked, _interruptible
    _forked = True
    hub: Any = get_slot()
    _python_queues.intersection_update(() if hub is None else (id(hub.loop),))
    _interruptible = INTERRUPTIBLE or len(_python_queues) > 0
    for park in _native_parks:
        park.claim()
    _native_parks.clear()


def freeze(target: greenlet) -> None:
    """Prevent `target` from ever being resumed: it is a suspended greenlet that stands for a thread the child lacks.

    `target` belongs to the calling thread. Nothing is thrown into it, because nothing runs in a thread that the child
    of a fork does not have. The caller must keep a reference to it: its deallocation would throw GreenletExit.
    """
    fiber = as_fiber(target)
    if fiber is not None:
        fiber._queued = False
    park: Any = parked(target)
    while park is not None:
        park.abandon()
        park._leave_guard()
        loop = park.hub.loop
        if park.counted:
            park.counted = False
            loop.refs -= 1
        if park.timed:
            park.timed = False
            timers = loop.timers
            timers.remove(park)
        park = _interrupted.pop(park, None)


def _fresh(park: Park, hub: Any, running: Any, what: Any) -> Park:
    # All other fields are None or false already. A park is in cycles only through C stacks, which the garbage
    # collector can't see. Tracking the park would find nothing to free, and would cost a third of the cost of a
    # parked greenlet.
    untrack(park)
    park.hub = hub
    park.greenlet = running
    park.what = what
    return park


def _native_park(park: NativePark, what: Any) -> Park:
    park._lock = _allocate_lock()
    park._lock.acquire()
    return _fresh(park, None, None, what)


def new_park(what: Any) -> Park:
    """Return a Park for the calling greenlet, or for the calling thread if it has no hub.

    The first call in the main thread makes its hub. Raises BlockingInHub if the hub itself calls. `what` is the
    object that the caller waits on, for the report.
    """
    hub: Any = get_slot()
    if hub is None and not is_finalizing():
        hub = current_hub.hub_for_waiting()
        if hub is None:
            return _native_park(NativePark.__new__(NativePark), what)
    running = current_or_none()
    if running is None:
        return _native_park(LastPark.__new__(LastPark), what)
    if running is hub:
        raise BlockingInHub(
            f"a callback that the hub runs can't block, and it would wait on {what!r}; "
            "spawn a greenlet for it: greenrt.spawn(fn, ...)"
        )
    return _fresh(Park.__new__(Park), hub, running, what)


def in_hub() -> bool:
    """Return whether the caller is the hub itself, which can't wait."""
    hub = get_slot()
    return hub is not None and current_or_none() is hub


def yield_now() -> None:
    """Queue the calling greenlet behind all ready greenlets, and let these run.

    In a thread without a hub, let other threads run.
    """
    hub: Any = get_slot()
    if hub is None and not is_finalizing():
        hub = current_hub.hub_for_waiting()
        if hub is None:
            _original.sleep(0)
            return
    running = current_or_none()
    if running is None:
        return
    fiber = as_fiber(running)
    if fiber is None or fiber._pending or fiber is hub or _interruptible:
        _yield_slowly(hub, running)
        return
    # The fiber itself is the entry. It needs no `try`: if other code resumes it, the entry stays in the queue. Then
    # the next park voids it, or it ends the next yield early.
    fiber._queued = True
    ready = hub.loop.ready
    ready.append(fiber)
    hub._hand_off(running)


def _yield_slowly(hub: HubCore, running: greenlet) -> None:
    """Yield like `yield_now`: for raw greenlets, with a pending error, and where handlers may interrupt this module.

    Raises BlockingInHub if the hub itself calls.
    """
    if running is hub:
        raise BlockingInHub(
            "a callback that the hub runs can't sleep; spawn a greenlet for it: greenrt.spawn(fn, ...)"
        )
    state = state_of(running)
    if state._pending:
        raise state._pending.pop(0)
    park = _fresh(Park.__new__(Park), hub, running, YIELD)
    park.claim()
    ready = hub.loop.ready
    try:
        if _interruptible:
            _set_aside(park, state)
        park.ended = park.suspended = True
        state._park = park
        ready.append(park)
        hub._hand_off(running)
    finally:
        park.done = True
        state._park = None
        if _interrupted:
            _put_back(park)
    if state._pending:
        # The main greenlet may have got a KeyboardInterrupt meanwhile. Raising it here loses nothing: a yield is
        # given no item or lock.
        raise state._pending.pop(0)


def set_run_queue(loop: Loop, queue: Ring) -> None:
    """Give `loop` another run queue.

    While a run queue of any loop is Python code, signal handlers may run in the middle of this module, also in the
    compiled build.
    """
    global _interruptible
    if type(queue) is Ring:
        _python_queues.discard(id(loop))
    else:
        _python_queues.add(id(loop))
    loop.ready = queue
    _interruptible = INTERRUPTIBLE or len(_python_queues) > 0


def _set_aside(park: Park, holder: Any) -> None:
    """Before `park` begins: keep its greenlet's outer wait from being resumed meanwhile, if there is one.

    In the plain build, and while a run queue of any loop is Python code, CPython may call a signal handler in the
    middle of this module. If the handler waits, both waits are of one greenlet, and what ends the outer one must not
    resume the inner one.
    """
    outer = holder._park
    # One that is done goes on as soon as the handler returns.
    if outer is not None and not outer.done:
        _interrupted[park] = outer
        outer.suspended = False
        # It may be queued: `done` makes that void. A wake from now on does not queue it.
        if outer.ended:
            outer.done = True


def _put_back(park: Park) -> None:
    """After the end of `park`: let its greenlet's outer wait go on; if that has ended meanwhile, queue it."""
    outer = _interrupted.pop(park, None)
    if outer is not None:
        state_of(park.greenlet)._park = outer
        outer.done = False
        outer.suspended = True
        if outer.ended:
            outer._enqueue()


def admit(park: Park) -> Any:
    """Mark a queued park as done; return the greenlet to resume, or None if it runs already or is dead."""
    if park.done:
        return None
    park.done = True
    target = park.greenlet
    return target if is_active(target) else None


def run_fiber(fiber: Fiber) -> None:
    """Start or resume a fiber that was queued itself. The hub calls this."""
    if not fiber._queued:
        return
    fiber._queued = False
    # A switch to a greenlet that died unstarted would return at once with a meaningless value.
    if fiber._begun or not has_started(fiber):
        resume(fiber)


def wake_park(park: Park) -> None:
    """Wake `park` with None. For use as a callback: where `park` is a typed local, ``park.wake`` can't be one."""
    park.wake(None)
