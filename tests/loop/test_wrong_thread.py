"""Methods that are not made for other threads raise there, and change nothing."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from greenrt._events import READ
from greenrt._loop.loop import Loop
from greenrt.errors import WrongThread

# Documented as safe in any thread, or read-only.
ANY_THREAD = set(
    """
    abandon break_ close destroy finalize_all on_owner_thread post proxy run_callback_threadsafe stop wake
    check_owner fileno install_sigchld now reset_sigchld
    """.split()
)

# They make watchers, which does not change the loop.
MAKERS = set("async_ check child embed fork idle io prepare signal stat timer".split())

# Methods that the hub and the other modules of this layer use among themselves.
INTERNAL = set(
    "alive collect_posts end gather handle_error has_calls post_final run_batch watch_signals".split()
)

# Arguments for the other methods.
LOOP_CALLS: dict[str, Callable[[Any], object]] = {
    "become_default": lambda loop: loop.become_default(),
    "ref": lambda loop: loop.ref(),
    "reinit": lambda loop: loop.reinit(),
    "run": lambda loop: loop.run(),
    "run_callback": lambda loop: loop.run_callback(print),
    "unref": lambda loop: loop.unref(),
    "update": lambda loop: loop.update(),
    "update_now": lambda loop: loop.update_now(),
}

WATCHERS: dict[str, Callable[[Any], Any]] = {
    "async_": lambda loop: loop.async_(),
    "child": lambda loop: loop.child(os.getpid()),
    "embed": lambda loop: loop.embed(),
    "fork": lambda loop: loop.fork(),
    "idle": lambda loop: loop.idle(),
    "io": lambda loop: loop.io(0, READ),
    "signal": lambda loop: loop.signal(10),
    "stat": lambda loop: loop.stat("/"),
    "timer": lambda loop: loop.timer(1, 1),
}


def refused(call: Callable[[], object]) -> str:
    """Return the message of the WrongThread that a call raises in another thread."""
    seen: list[BaseException | None] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            seen.append(error)
        else:
            seen.append(None)

    thread = threading.Thread(target=run, name="the stranger")
    thread.start()
    thread.join()
    assert isinstance(seen[0], WrongThread), seen
    return str(seen[0])


def test_all_methods_are_known() -> None:
    """A new method is safe in any thread and documented so, or is listed above and raises."""
    methods = {name for name in dir(Loop) if name[0].islower() and callable(getattr(Loop, name))}
    assert methods == ANY_THREAD | MAKERS | INTERNAL | set(LOOP_CALLS)


@pytest.mark.parametrize("name", LOOP_CALLS)
def test_methods_of_a_loop(loop: Loop, name: str) -> None:
    before = (loop.owner, loop.refs, loop.default, len(loop.ready))
    text = refused(lambda: LOOP_CALLS[name](loop))
    assert "'the stranger'" in text
    assert "'MainThread'" in text
    assert (loop.owner, loop.refs, loop.default, len(loop.ready)) == before
    assert loop.run() == "idle"


@pytest.mark.parametrize("kind", WATCHERS)
def test_methods_of_watchers(loop: Loop, kind: str) -> None:
    watcher = WATCHERS[kind](loop)
    calls: list[Callable[[], object]] = [
        lambda: watcher.start(print),
        lambda: watcher.feed(0, print),
        lambda: setattr(watcher, "ref", True),
        lambda: setattr(watcher, "priority", 1),
    ]
    if kind == "timer":
        calls.append(lambda: watcher.again(print))
    for call in calls:
        assert "'the stranger'" in refused(call)
    assert not watcher.active
    assert not watcher.pending
    watcher.close()
    assert loop.run() == "idle"


def test_debug(loop: Loop) -> None:
    assert "loop.debug" in refused(lambda: setattr(loop, "debug", True))
