"""Signals that a native thread waits for, and posts to a loop: nothing of the program's is ever interrupted."""

import _signal
import os
from collections.abc import Callable, Iterable
from types import FrameType

from greenrt import _atfork, _original
from greenrt._arguments import as_integer, check_iterable
from greenrt._hub.current_hub import get_hub, on_main_thread
from greenrt._hub.loop_proxy import LoopProxy
from greenrt._loop.callback import as_callable
from greenrt._native.helper import start_helper
from greenrt._typing import Any
from greenrt.errors import LoopClosed

__all__ = ["SignalThread"]

# What the kernel sends itself, or does not let anyone wait for.
_NEVER = {_signal.SIGKILL, _signal.SIGSTOP, _signal.SIGSEGV, _signal.SIGBUS, _signal.SIGFPE, _signal.SIGILL}

_holders: dict[int, "SignalThread"] = {}


class SignalThread:
    """Have the thread of `proxy`'s loop call ``function(info)`` for each of `signals` that arrives, until `close`.

    A native thread waits for them by sigwaitinfo(2); `info` is what that returns: `si_signo`, `si_pid`, `si_uid` and
    more. Signals arrive in its order, those from SIGRTMIN on each once; of the others those that wait are merged
    (signal(7)). The call is made in the hub, as any that is posted, and may not block; `greenrt.spawn` what does.
    Without `proxy`, the loop is the calling thread's.

    Made and closed by the main thread, which blocks the signals meanwhile, as sigwait(2) needs, and threads that are
    started then inherit that. A thread that was started before, and does not block them, may still be the one that
    gets such a signal: it is passed on all the same, but `info` then says nothing of the sender (`si_pid` is 0). A
    signal sent to one thread (signal.raise_signal, pthread_kill) that blocks it stays there.

    A program inherits what the thread blocks that starts it (execve(2)), by subprocess, posix_spawn or exec, and
    the default action instead of our handler. What shall end by such a signal is started under
    ``with thread.unblocked():``. In the child of a fork it goes on with a thread of its own if the loop does; else,
    and at the first signal after the loop is closed, it closes itself: the signals are blocked no more, and again
    for whom they were before.

    ValueError in other threads, for what is no signal or can't be waited for, and for signals that another
    SignalThread has; TypeError if `function` can't be called; RuntimeError if there can be no more threads.
    """

    def __init__(
        self,
        signals: Iterable[int],
        function: Callable[[Any], object],
        proxy: LoopProxy | None = None,
    ) -> None:
        if proxy is not None and not isinstance(proxy, LoopProxy):
            raise TypeError(f"proxy must be a LoopProxy or None, not {proxy!r}")
        self.signals: frozenset[int] = frozenset(
            as_integer(number, "signals") for number in check_iterable(signals, "signals")
        )
        _check(self.signals)
        self._function = as_callable(function)
        self._proxy = get_hub().loop.proxy() if proxy is None else proxy
        self.closed: bool = False
        self._blocked: set[int] = set()
        self._previous: dict[int, Any] = {}
        # Threads within `unblocked`: what to block again, and how often it was entered.
        self._open: dict[int, tuple[set[int], int]] = {}
        # Held while the thread is looked at or ends, so that no signal goes to one that is gone; re-entrant, since
        # a handler closes, too.
        self._lock = _original.RLock()
        self._ident = 0
        # Held by the thread.
        self._life = _original.allocate_lock()
        self._begin()

    def _begin(self) -> None:
        before = _original.pthread_sigmask(_signal.SIG_BLOCK, self.signals)
        self._blocked |= self.signals - before
        for number in self.signals - set(self._previous):
            self._previous[number] = _original.set_signal(number, _pass_on)
            _holders[number] = self
        started = _original.allocate_lock()
        started.acquire()
        self._life.acquire()
        try:
            start_helper(self._run, (started,))
        except RuntimeError:
            self.closed = True
            self._life.release()
            self._give_back()
            raise
        started.acquire()

    # -- The native thread

    def _run(self, started: Any) -> None:
        self._ident = _original.get_ident()
        started.release()
        refused = None
        while refused is None:
            info = _original.sigwaitinfo(self.signals)
            with self._lock:
                closed = self.closed
            if closed:
                self._post_last(info)
                break
            refused = self._post(info)
        with self._lock:
            self._ident = 0
        self._life.release()
        if refused is not None:
            # As if it had come now, unblocked: our handler closes us, in the main thread.
            _original.interrupt_main(refused)

    def _post(self, info: Any) -> int | None:
        """Post a signal; return its number if the loop is closed."""
        try:
            self._proxy.post(self._function, info)
        except LoopClosed:
            return int(info.si_signo)
        return None

    def _post_last(self, info: Any) -> None:
        """Post what came besides the signal that `close` has sent, which looks like any from this process.

        It is there by now: it is `info`, or else the very next one, as what a thread is sent comes before what the
        process is.
        """
        last = [info]
        more = _original.sigtimedwait(self.signals, 0)
        if more is not None:
            last.append(more)
        sent = (min(self.signals), os.getpid())
        last.remove(next(each for each in last if (each.si_signo, each.si_pid) == sent))
        for each in last:
            if self._post(each) is not None:
                # It waits until the main thread gives the signals back.
                os.kill(os.getpid(), each.si_signo)

    # -- The main thread

    def close(self) -> None:
        """Give the signals back to whom they were for; those that still wait go there. Idempotent.

        Main thread only: ValueError in others.
        """
        if self.closed:
            return
        _check_thread("closed")
        with self._lock:
            self.closed = True
            if self._ident:
                _original.pthread_kill(self._ident, min(self.signals))
        try:
            # So that it takes none that are no longer ours.
            self._life.acquire()
        finally:
            self._give_back()

    def _give_back(self) -> None:
        for number, previous in self._previous.items():
            _holders.pop(number, None)
            # None: a handler that was not set from Python, and can't be.
            if _original.get_signal(number) is _pass_on and previous is not None:
                _original.set_signal(number, previous)
        self.unblock()

    def unblock(self) -> None:
        """Block in this thread no more what this object blocks: for a fork's child before it calls exec."""
        _original.pthread_sigmask(_signal.SIG_UNBLOCK, self._blocked)

    def unblocked(self) -> "_Unblocked":
        """Return a context in which this thread blocks none of the signals, so that programs started there do not.

        Any thread, nested too, and by several greenlets. Those of the signals that come meanwhile are passed on,
        but `info` may say nothing of the sender.
        """
        return _Unblocked(self)

    def _enter_unblocked(self) -> None:
        ident = _original.get_ident()
        entered = self._open.get(ident)
        if entered is None:
            before = _original.pthread_sigmask(_signal.SIG_UNBLOCK, self._blocked)
            entered = (before & self._blocked, 0)
        self._open[ident] = (entered[0], entered[1] + 1)

    def _leave_unblocked(self) -> None:
        ident = _original.get_ident()
        found, times = self._open[ident]
        if times > 1:
            self._open[ident] = (found, times - 1)
            return
        del self._open[ident]
        if not self.closed:
            _original.pthread_sigmask(_signal.SIG_BLOCK, found)

    def _go_on_in_child(self) -> None:
        self._lock = _original.RLock()
        self._life = _original.allocate_lock()
        self._ident = 0
        try:
            self._proxy.post(int)
        except LoopClosed:
            self.close()
        else:
            self._begin()
            if _original.get_ident() in self._open:
                self.unblock()

    def __enter__(self) -> "SignalThread":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        names = ", ".join(map(_name, sorted(self.signals)))
        return f"<SignalThread at {id(self):#x} of {names}{', closed' if self.closed else ''}>"


class _Unblocked:
    """What `SignalThread.unblocked` returns."""

    __slots__ = ("_thread",)

    def __init__(self, thread: SignalThread) -> None:
        self._thread = thread

    def __enter__(self) -> None:
        self._thread._enter_unblocked()

    def __exit__(self, *exc_info: object) -> None:
        self._thread._leave_unblocked()


def _check(signals: frozenset[int]) -> None:
    _check_thread("made")
    wrong = (signals - _signal.valid_signals()) | (signals & _NEVER)
    if wrong or not signals:
        raise ValueError(f"a SignalThread takes signals that can be waited for, not {sorted(wrong)!r}")
    taken = signals & _holders.keys()
    if taken:
        raise ValueError(f"{_name(min(taken))} is {_holders[min(taken)]!r}'s; close that first")


def _check_thread(verb: str) -> None:
    if not on_main_thread():
        raise ValueError(
            f"a SignalThread is {verb} by the main thread, which blocks its signals, not by thread "
            f"{_original.get_ident():#x}; there, pass this thread's `loop.proxy()`"
        )


def _name(number: int) -> str:
    name: str
    for name, value in vars(_signal).items():
        if value == number and name.startswith("SIG") and name[3] != "_":
            return name
    return f"SIGRTMIN+{number - _signal.SIGRTMIN}"


def _pass_on(number: int, frame: FrameType | None) -> None:
    """The handler meanwhile: of what a thread gets that does not block the signal."""
    holder = _holders.get(number)
    if holder is None:
        return
    try:
        holder._proxy.post(holder._function, _signal.struct_siginfo((number, 0, 0, 0, 0, 0, 0)))
    except LoopClosed:
        holder.close()
        # Now it is for whom it was before.
        _signal.raise_signal(number)


def _after_fork_in_child() -> None:
    for holder in set(_holders.values()):
        holder._go_on_in_child()


_atfork.register(_atfork.RUNTIME, _after_fork_in_child)
