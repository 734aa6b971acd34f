"""SignalThread: a native thread that waits for signals and posts them to a loop, so none interrupts the program."""

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

# The signals that the kernel sends itself, or that no thread can wait for.
_NEVER = {_signal.SIGKILL, _signal.SIGSTOP, _signal.SIGSEGV, _signal.SIGBUS, _signal.SIGFPE, _signal.SIGILL}

_holders: dict[int, "SignalThread"] = {}


class SignalThread:
    """Call ``function(info)`` on the thread of `proxy`'s loop for each of `signals` that arrives, until `close`.

    A native thread waits for the signals by sigwaitinfo(2). `info` is the result of that call, with `si_signo`,
    `si_pid`, `si_uid` and more. Signals arrive in the order of sigwaitinfo(2). Each signal from SIGRTMIN on arrives
    once per sending; other signals that are pending are merged (signal(7)). The hub makes the call, like any posted
    call, so `function` may not block; it can spawn a greenlet for code that blocks.

    The main thread makes and closes a SignalThread. Until the close it blocks the signals, as sigwait(2) requires,
    and threads that it starts meanwhile inherit that. A thread that was started before does not block the signals, so
    the kernel may deliver one to it. That signal is passed on too, but `info` does not name the sender (`si_pid` is
    0). A signal that is sent to one thread (signal.raise_signal, pthread_kill) stays pending there if the thread
    blocks it.

    A program that subprocess, posix_spawn or exec starts inherits the blocked signals of the starting thread
    (execve(2)), and gets the default action instead of greenrt's handler. A program that such a signal shall end must
    be started under ``with thread.unblocked():``.

    In the child of a fork, the object continues with a thread of its own if the loop continues. Otherwise it closes
    itself. It also closes itself at the first signal after the loop is closed. Then the signals are no longer
    blocked, and the previous handlers get them.

    Arguments: `signals`, the signal numbers; `function`, the callable; `proxy`, a LoopProxy, or None for the calling
    thread's loop. Raises ValueError in other threads than the main thread, and for numbers that are not signals or
    can't be waited for. Signals of another SignalThread raise ValueError too. Raises TypeError if `function` is not
    callable, and RuntimeError if no thread can be started.

    Attributes: `signals`, a frozenset of the signal numbers; `closed`, whether the object is closed.
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
        # Signals that came while `close` waited: the previous handlers get them.
        self._late: list[int] = []
        # For each thread inside `unblocked`: the signals to block again, and the number of entries.
        self._open: dict[int, tuple[set[int], int]] = {}
        # Held while code uses `_ident` and while the thread ends, so that no signal is sent to a thread that is gone.
        # An RLock knows its holder: the signals' handler must see whether it has interrupted `close`.
        self._lock: Any = _original.RLock()
        self._ident = 0
        # The native thread holds this lock for as long as it lives.
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
            # Simulate the arrival of the signal in the main thread, unblocked: the handler there closes this object.
            _original.interrupt_main(refused)

    def _post(self, info: Any) -> int | None:
        """Post a signal; return its number if the loop is closed."""
        try:
            self._proxy.post(self._function, info)
        except LoopClosed:
            return int(info.si_signo)
        return None

    def _post_last(self, info: Any) -> None:
        """Post the signals that arrived besides the one that `close` has sent.

        That one looks like any signal from this process. It has arrived by now: it is `info` or the very next signal,
        because signals to a thread are delivered before signals to the process.
        """
        last = [info]
        more = _original.sigtimedwait(self.signals, 0)
        if more is not None:
            last.append(more)
        sent = (min(self.signals), os.getpid())
        last.remove(next(each for each in last if (each.si_signo, each.si_pid) == sent))
        for each in last:
            if self._post(each) is not None:
                # The signal stays pending until the main thread restores the handlers and the signal mask.
                os.kill(os.getpid(), each.si_signo)

    # -- The main thread

    def close(self) -> None:
        """Stop the thread and restore the previous handlers of the signals, which also get the pending signals.

        A second call does nothing. Only the main thread may call this; other threads get ValueError.
        """
        if self.closed:
            return
        _check_thread("closed")
        with self._lock:
            # The signals' handler may have interrupted this call, and have closed the object.
            if self.closed:
                return
            self.closed = True
            if self._ident:
                _original.pthread_kill(self._ident, min(self.signals))
        try:
            # Wait for the thread's end, so that it takes no signals that belong to the previous handlers.
            self._life.acquire()
        finally:
            self._give_back()

    def _give_back(self) -> None:
        for number, previous in self._previous.items():
            # None stands for a handler that was not set from Python. Python can't restore it.
            if _original.get_signal(number) is _pass_on and previous is not None:
                _original.set_signal(number, previous)
            _holders.pop(number, None)
        if self._late:
            # They arrive together when they are unblocked. If a handler raises, Python still calls the others.
            _original.pthread_sigmask(_signal.SIG_BLOCK, self._blocked)
            while self._late:
                _signal.raise_signal(self._late.pop(0))
        self.unblock()

    def unblock(self) -> None:
        """Unblock this object's signals in the calling thread: for the child of a fork, before it calls exec."""
        _original.pthread_sigmask(_signal.SIG_UNBLOCK, self._blocked)

    def unblocked(self) -> "_Unblocked":
        """Return a context manager in whose block the calling thread blocks none of this object's signals.

        Programs that are started in the block do not block them either. Any thread may use it, also nested and in
        several greenlets. Signals that arrive meanwhile are passed on, but `info` may not name the sender.
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
    """The context manager of `SignalThread.unblocked`."""

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
    """Pass on a signal that the kernel delivers to a thread which does not block it. The signals' Python handler."""
    holder = _holders.get(number)
    if holder is None:
        return
    try:
        holder._proxy.post(holder._function, _signal.struct_siginfo((number, 0, 0, 0, 0, 0, 0)))
    except LoopClosed:
        if holder.closed or holder._lock._is_owned():
            # This handler has interrupted `close`, which passes the signal on. If `close` holds the lock, the native
            # thread waits for that lock, so a second `close` would wait for the native thread forever.
            holder._late.append(number)
            return
        holder.close()
        # Send it again: now the previous handler gets it.
        _signal.raise_signal(number)


def _after_fork_in_child() -> None:
    for holder in set(_holders.values()):
        holder._go_on_in_child()


_atfork.register(_atfork.RUNTIME, _after_fork_in_child)
