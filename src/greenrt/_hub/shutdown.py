"""The end of a hub: its greenlets get an error, and have a little time to clean up. The end of the process."""

import atexit
import sys
from contextlib import suppress

from greenlet import greenlet

from greenrt import _original
from greenrt._hub import current_hub
from greenrt._hub.greenlet import Greenlet, kill
from greenrt._hub.park import TIMED_OUT, new_park, parked
from greenrt._hub.report import all_greenlets
from greenrt._hub.sleep import sleep
from greenrt._loop.callback import Callback
from greenrt._loop.loop import CLOSING_ROUNDS
from greenrt._native.helper import refuse_signals
from greenrt._native.switch import SURVIVES_FINALIZATION, current
from greenrt._native.thread import coarse
from greenrt._render import render
from greenrt._typing import Any
from greenrt.errors import HubDestroyed, LoopClosed

__all__ = ["end_greenlets"]

# How often a greenlet that waits again gets the error again, and how long it may take each time (seconds).
ROUNDS = 10
ROUND_SECONDS = 0.1

# How long the end of the process waits for what was posted (seconds).
AT_EXIT = 5.0

# How long the end of the process waits for the hubs of other threads to stop, where these must (seconds).
STOP_SECONDS = 0.2


def end_greenlets(hub: Any) -> None:
    """Raise HubDestroyed in all greenlets that wait in `hub`, and run them until they have ended.

    In the main greenlet of the hub's thread. Those that don't end within a second are given up; an error is logged.
    """
    left = _unfinished(hub)
    for _ in range(ROUNDS):
        for target in left:
            kill(target, HubDestroyed(True))
        give_up = coarse() + ROUND_SECONDS
        pause = 0.0
        while _unfinished_of(left) and coarse() < give_up:
            sleep(pause)
            pause = 0.001
        # Those that were spawned meanwhile are found too.
        left = _unfinished(hub)
        if not left:
            return
    # Here, since few programs need it.
    from greenrt import _log

    lines = "\n    ".join(render(target) for target in left)
    _log.error(
        "%r ends, and %d greenlets that caught HubDestroyed and wait again are given up:\n    %s",
        hub,
        len(left),
        lines,
    )


def _unfinished(hub: Any) -> list[Any]:
    if not hub._may_have_greenlets():
        return []
    return [target for target in all_greenlets() if target is not hub and _waits_in(target, hub)]


def _waits_in(target: greenlet, hub: Any) -> bool:
    if isinstance(target, Greenlet):
        return target.hub is hub and target.started and not target.dead
    park = parked(target)
    return park is not None and park.hub is hub


def _unfinished_of(targets: list[Any]) -> bool:
    return any(not target.dead for target in targets)


def run_what_is_due() -> None:
    """At the end of the process: have the main thread's hub run posts and finalizers, and what these post.

    The hubs of other threads end with their threads. This one stays: what comes after may still wait. Greenlets that
    are parked get no error, as daemon threads get none.
    """
    hub = current_hub.get_hub_if_exists()
    if hub is None or hub.loop.closed or current() is hub:
        return
    give_up = coarse() + AT_EXIT
    loop = hub.loop
    for _ in range(CLOSING_ROUNDS):
        if not loop.has_calls():
            return
        # By the hub, since a callback may switch to greenlets.
        park = new_park(("what was posted before the end of the process",))
        loop.post(Callback(park.wake, (True,)))
        if park.wait(max(0.0, give_up - coarse())) is TIMED_OUT:
            return


def stop_other_hubs() -> None:
    """At the end of the process: have the hubs of other native threads sleep for ever.

    A greenlet that asks for the GIL while the interpreter is being finalized crashes the process, where
    `SURVIVES_FINALIZATION` is false. A hub whose greenlet is busy for longer than `STOP_SECONDS` goes on.
    """
    mine = current_hub.get_hub_if_exists()
    give_up = coarse() + STOP_SECONDS
    stopping = []
    for hub in list(current_hub.threads_with_hub.values()):
        if hub is not mine and not hub.loop.closed:
            stopped = _original.allocate_lock()
            stopped.acquire()
            try:
                hub.loop.post(Callback(_sleep_for_ever, (stopped,)))
            except LoopClosed:
                continue
            stopping.append(stopped)
    for stopped in stopping:
        stopped.acquire(timeout=max(0.0, give_up - coarse()))


def _sleep_for_ever(stopped: Any) -> None:
    # A signal would end the wait, for a moment.
    refuse_signals()
    forever = _original.allocate_lock()
    forever.acquire()
    stopped.release()
    forever.acquire()


def keep_interrupt() -> None:
    """At the end of the process: have it die of SIGINT if a KeyboardInterrupt has ended the main module.

    CPython notes such a KeyboardInterrupt, and forgets it when `exec` or `eval` runs a text. Every import of a module
    with a dataclass or a namedtuple does so, also in a green thread that runs at the end: its first look-up of a host
    name imports several. The process would end with the exit code 1, and a shell would go on with its script.
    """
    # The latter before CPython 3.12.
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if type(error) is not KeyboardInterrupt or error.__traceback__ is None:
        return
    if hasattr(sys, "ps1"):
        # An interactive session, which goes on after a KeyboardInterrupt: how it ends decides, which CPython knows.
        return
    # One with a caller was printed by a console, say, and the program went on.
    if error.__traceback__.tb_frame.f_back is None:
        with suppress(KeyboardInterrupt):
            # CPython notes a KeyboardInterrupt that leaves a text.
            exec("raise KeyboardInterrupt")


# Runs last.
atexit.register(keep_interrupt)
if not SURVIVES_FINALIZATION:
    atexit.register(stop_other_hubs)
# Runs first.
atexit.register(run_what_is_due)
