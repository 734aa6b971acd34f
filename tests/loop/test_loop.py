"""The loop: callbacks, hooks, references, ends, states."""

import os
import signal
import threading
import time
from collections.abc import Callable
from math import nan

import pytest
from support.threads import in_thread

from greenrt._events import READ
from greenrt._loop import backends
from greenrt._loop.loop import BATCH_CALLBACKS, Loop
from greenrt.errors import LoopClosed, WrongThread

from .conftest import Rig

# -- Callbacks


def test_a_prepare_watcher_lets_the_loop_sleep(virtual: Rig) -> None:
    loop = virtual.loop
    prepare = loop.prepare(ref=False)
    prepare.start(lambda: None)
    timer = loop.timer(50)
    timer.start(prepare.stop)
    assert loop.run() == "idle"
    assert loop.iteration < 5


@pytest.mark.promised_order
def test_callbacks_in_order(rig: Rig) -> None:
    seen = []
    for number in range(3000):
        rig.loop.run_callback(seen.append, number)
    assert seen == []
    assert rig.loop.run() == "idle"
    assert seen == list(range(3000))


def test_the_handle_of_a_callback(loop: Loop) -> None:
    seen = []
    kept, stopped = loop.run_callback(seen.append, 1), loop.run_callback(seen.append, 2)
    assert kept
    assert kept.pending
    assert "append" in repr(kept)
    stopped.stop()
    stopped.stop()
    assert not stopped
    loop.run()
    assert seen == [1]
    assert not kept.pending


@pytest.mark.parametrize("name", ["run_callback", "run_callback_threadsafe"])
def test_a_callback_must_be_callable(loop: Loop, name: str) -> None:
    with pytest.raises(TypeError, match="42"):
        getattr(loop, name)(42)


def test_an_error_of_a_callback_is_handed_on(loop: Loop, errors: list[BaseException]) -> None:
    seen = []

    def fail() -> None:
        raise ZeroDivisionError("planned")

    loop.run_callback(fail)
    loop.run_callback(seen.append, "after")
    assert loop.run() == "idle"
    assert [str(error) for error in errors] == ["planned"]
    assert seen == ["after"]


def test_an_error_without_a_handler_comes_out_of_run(loop: Loop) -> None:
    seen = []

    def fail() -> None:
        raise ZeroDivisionError("planned")

    loop.run_callback(fail)
    loop.run_callback(seen.append, "after")
    with pytest.raises(ZeroDivisionError, match="planned"):
        loop.run()
    assert loop.run() == "idle"
    assert seen == ["after"]


def test_a_turn_is_bounded(rig: Rig) -> None:
    """A callback that queues itself endlessly delays neither a timer nor an fd."""
    one, other = rig.pair()
    other.send(b"x")
    seen, stop = [], []

    def again() -> None:
        if not stop:
            rig.loop.run_callback(again)

    for _ in range(3 * BATCH_CALLBACKS):
        rig.loop.run_callback(again)
    rig.loop.timer(0).start(seen.append, "timer")
    with rig.loop.io(one.fileno(), READ) as watcher:
        watcher.start(seen.append, "fd")
        rig.turn(10)
    assert {"timer", "fd"} <= set(seen)
    stop.append(True)
    rig.loop.run()


# -- Prepare, check, idle


def test_the_order_of_a_turn(rig: Rig) -> None:
    loop, seen = rig.loop, []
    hooks = [(loop.prepare(), "prepare"), (loop.check(), "check"), (loop.idle(), "idle")]
    for hook, word in hooks:
        hook.start(seen.append, word)
    loop.run(nowait=True)
    assert seen == ["prepare", "check", "idle"]
    for hook, _ in hooks:
        hook.close()
    assert loop.run() == "idle"
    assert len(seen) == 3


def test_idle_only_when_nothing_is_ready(loop: Loop) -> None:
    seen = []
    idle = loop.idle()
    idle.start(seen.append, "idle")
    loop.run_callback(seen.append, "callback")
    loop.run(nowait=True)
    assert seen == ["callback"]
    loop.run(nowait=True)
    assert seen == ["callback", "idle"]
    idle.close()


def test_hooks_may_stop_each_other(loop: Loop) -> None:
    seen = []
    first, second = loop.prepare(), loop.prepare()
    first.start(lambda: (seen.append(1), second.stop()))
    second.start(seen.append, 2)
    loop.run(nowait=True)
    loop.run(nowait=True)
    assert seen in ([1, 1], [1, 2, 1])
    first.close()


def test_a_hook_that_raises_is_reported(loop: Loop, errors: list[BaseException]) -> None:
    hook = loop.check()
    hook.start(lambda: 1 / 0)
    loop.run(nowait=True)
    hook.close()
    assert [type(error) for error in errors] == [ZeroDivisionError]


# -- References and ends


def test_idle_at_once_when_nothing_is_there(rig: Rig) -> None:
    assert rig.loop.run() == "idle"


def test_unreferenced_watchers_keep_nothing_alive(rig: Rig) -> None:
    one, _ = rig.pair()
    loop = rig.loop
    watchers = [
        loop.io(one.fileno(), READ, ref=False),
        loop.timer(1000, ref=False),
        loop.prepare(ref=False),
        loop.check(ref=False),
        loop.async_(ref=False),
    ]
    for watcher in watchers:
        watcher.start(lambda: None)
    assert loop.run() == "idle"
    watchers[1].ref = True
    assert loop.activecnt == 1
    watchers[1].ref = True
    assert loop.activecnt == 1
    watchers[1].ref = False
    assert loop.activecnt == 0
    for watcher in watchers:
        assert watcher.active
        watcher.close()
        assert not watcher.active


def test_ref_and_unref(loop: Loop) -> None:
    loop.ref()
    assert loop.run(nowait=True) == "once"
    loop.unref()
    assert loop.run() == "idle"
    with pytest.raises(ValueError, match="no references"):
        loop.unref()


def test_how_a_run_ends(virtual: Rig) -> None:
    loop = virtual.loop
    timer = loop.timer(100)
    timer.start(print)
    assert loop.run(nowait=True) == "once"
    loop.stop(5.0)
    assert loop.run() == "stopped"
    assert loop.clock.now() == 1005.0
    loop.run_callback(loop.break_)
    loop.run_callback(print)
    assert loop.run() == "broke"
    assert loop.pendingcnt == 1
    loop.break_()
    assert loop.run() == "broke"
    timer.stop()
    assert loop.run() == "idle"


def test_stop_waits_even_if_nothing_is_there(virtual: Rig) -> None:
    virtual.loop.stop(2.0)
    assert virtual.loop.run() == "stopped"
    assert virtual.loop.clock.now() == 1002.0
    assert virtual.loop.run() == "idle"


def test_stop_takes_a_number(loop: Loop) -> None:
    with pytest.raises(ValueError, match="nan"):
        loop.stop(nan)


def test_a_callback_cannot_run_its_loop(loop: Loop, errors: list[BaseException]) -> None:
    loop.run_callback(loop.run)
    loop.run()
    assert "running already" in str(errors[0])


def test_now_is_as_of_the_last_poll(virtual: Rig) -> None:
    loop = virtual.loop
    assert loop.now() == 1000.0
    loop.clock.advance(5)
    assert loop.now() == 1000.0
    loop.update_now()
    assert loop.now() == 1005.0


# -- Threads


def test_posts_of_a_thread_wake_a_sleeping_loop(real: Rig) -> None:
    seen = []
    loop = real.loop
    loop.ref()

    def post() -> None:
        time.sleep(0.05)
        loop.run_callback_threadsafe(seen.append, threading.get_ident())

    thread = threading.Thread(target=post)
    thread.start()
    real.run(lambda: seen)
    thread.join()
    assert seen == [thread.ident]
    loop.unref()


def test_async_watchers(real: Rig) -> None:
    loop, seen = real.loop, []
    watcher = loop.async_()
    with pytest.raises(ValueError, match="not started"):
        watcher.send()
    watcher.start(seen.append, "sent")
    thread = threading.Thread(target=lambda: [watcher.send() for _ in range(100)])
    thread.start()
    thread.join()
    assert watcher.pending
    loop.run(once=True)
    assert seen == ["sent"]
    watcher.send_ignoring_arg(None)
    loop.run(once=True)
    assert seen == ["sent"] * 2
    watcher.close()
    assert loop.run() == "idle"


@pytest.mark.parametrize(
    "use",
    [
        lambda loop: loop.run(),
        lambda loop: loop.run_callback(print),
        lambda loop: loop.ref(),
        lambda loop: loop.unref(),
        lambda loop: loop.timer(1).start(print),
        lambda loop: loop.io(0, READ).start(print),
        lambda loop: loop.prepare().start(print),
        lambda loop: setattr(loop.timer(1), "ref", False),
    ],
)
def test_a_foreign_thread_is_told_the_right_call(loop: Loop, use: Callable[[Loop], object]) -> None:
    with pytest.raises(WrongThread, match="run_callback_threadsafe"):
        in_thread(lambda: use(loop))
    assert loop.run() == "idle"


def test_on_owner_thread(loop: Loop) -> None:
    assert loop.on_owner_thread()
    assert in_thread(loop.on_owner_thread) is False


def test_a_signal_handler_may_post(loop: Loop) -> None:
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: loop.run_callback_threadsafe(seen.append, "posted"))
    try:
        signal.raise_signal(signal.SIGUSR1)
        loop.run()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == ["posted"]


def test_the_default_loop_runs_signal_handlers_while_it_sleeps() -> None:
    seen = []
    loop = Loop(default=True)
    before = signal.signal(signal.SIGALRM, lambda *_: (seen.append("handled"), loop.break_()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        timer = loop.timer(30)
        timer.start(print)
        began = time.monotonic()
        assert loop.run() == "broke"
        assert time.monotonic() - began < 10
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        loop.close()
    assert seen == ["handled"]


# -- Closing


def test_close_runs_what_was_posted(rig: Rig) -> None:
    seen = []
    rig.loop.run_callback(seen.append, "queued")
    rig.loop.run_callback_threadsafe(seen.append, "posted")
    rig.loop.close()
    assert seen == ["queued", "posted"]


def test_close_gives_back_the_fds(real: Rig) -> None:
    loop = real.loop
    own = loop._own_fds()
    if loop.fileno() >= 0:
        own.add(loop.fileno())
    for fd in own:
        os.fstat(fd)
    loop.close()
    loop.close()
    for fd in own:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(fd)
    assert "closed" in repr(loop)


def test_a_closed_loop_says_so(rig: Rig) -> None:
    loop = rig.loop
    timer = loop.timer(1)
    loop.close()
    for use in (
        lambda: loop.run_callback(print),
        lambda: loop.run_callback_threadsafe(print),
        lambda: in_thread(lambda: loop.run_callback_threadsafe(print)),
        lambda: timer.start(print),
        lambda: loop.io(0, READ).start(print),
        loop.run,
        loop.reinit,
        loop.become_default,
        lambda: setattr(loop, "debug", True),
    ):
        with pytest.raises(LoopClosed, match="closed"):
            use()
    assert loop.close().done
    loop.stop()
    loop.break_()
    timer.stop()


def test_close_with_active_watchers(rig: Rig) -> None:
    one, other = rig.pair()
    other.send(b"x")
    loop, seen = rig.loop, []
    watchers = [loop.io(one.fileno(), READ), loop.timer(0), loop.prepare(), loop.idle(), loop.async_()]
    for watcher in watchers:
        watcher.start(seen.append, None)
    loop.close()
    for watcher in watchers:
        watcher.stop()
        watcher.close()
    assert seen == []


def test_close_from_a_callback(loop: Loop) -> None:
    seen = []
    loop.timer(1000).start(print)
    loop.run_callback(loop.close)
    loop.run_callback(seen.append, "after")
    assert loop.run() == "closed"
    assert loop.closed
    assert seen == ["after"]


def test_a_callback_may_not_post_for_ever_to_a_closing_loop(loop: Loop) -> None:
    seen = []

    def again() -> None:
        seen.append(None)
        loop.run_callback_threadsafe(again)

    loop.error_handler = lambda context, kind, value, tb: seen.append(value)
    loop.run_callback(again)
    loop.close()
    assert isinstance(seen[-1], LoopClosed)


# -- Renewal, backends


def test_reinit_keeps_watchers_posts_and_timers(real: Rig) -> None:
    one, other = real.pair()
    loop, seen = real.loop, []
    watcher = loop.io(one.fileno(), READ)
    watcher.start(lambda: (seen.append("fd"), watcher.stop()))
    loop.timer(0).start(seen.append, "timer")
    loop.run_callback_threadsafe(seen.append, "post")
    loop.reinit()
    other.send(b"x")
    assert loop.run() == "idle"
    assert sorted(seen) == ["fd", "post", "timer"]
    loop.run_callback_threadsafe(seen.append, "late")
    loop.run()
    assert seen[-1] == "late"


def test_unknown_backends_are_named() -> None:
    with pytest.raises(ValueError, match=r"backend 'nonsense' is not available.*epoll"):
        Loop("nonsense")


def test_the_backend_can_be_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert backends.available[0] == "epoll"
    monkeypatch.setenv("GREENRT_BACKEND", "poll")
    loop = Loop()
    assert loop.backend == "poll"
    loop.close()
