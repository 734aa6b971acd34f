"""The end of a hub, whose greenlets get an error and a short time to clean up; and the end of the process."""

import atexit
import sys
from contextlib import suppress

from greenlet import greenlet

from greenrt import _original
from greenrt._freeze import hidden_objects
from greenrt._hub import current_hub
from greenrt._hub.greenlet import Greenlet, kill
from greenrt._hub.park import TIMED_OUT, new_park, parked
from greenrt._hub.parked_greenlets import greenlets_around
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

# How many times a greenlet that waits again gets the error, and how long it may take each time (seconds).
ROUNDS = 10
ROUND_SECONDS = 0.1

# How long the end of the process waits for the posted calls (seconds).
AT_EXIT = 5.0

# How long the end of the process waits for the hubs of other threads to stop, if they must stop (seconds).
STOP_SECONDS = 0.2


def end_greenlets(hub: Any) -> None:
    """Raise HubDestroyed in all greenlets that wait in `hub`, and run them until they have ended.

    The main greenlet of the hub's thread calls this. The hub abandons greenlets that don't end within a second, and
    logs an error.
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
        # This also finds the greenlets that were spawned meanwhile.
        left = _unfinished(hub)
        if not left:
            if hub._parked and hidden_objects():
                _log_error(
                    "%r ends and gives up parked greenlets that gc.freeze() hides and to which only local variables "
                    "lead: %d",
                    hub,
                    hub._parked,
                )
            return
    lines = "\n    ".join(render(target) for target in left)
    _log_error(
        "%r ends, and %d greenlets that caught HubDestroyed and wait again are given up:\n    %s",
        hub,
        len(left),
        lines,
    )


def _log_error(message: str, *args: object) -> None:
    # Imported here because few programs need it.
    from greenrt import _log

    _log.error(message, *args)


def _unfinished(hub: Any) -> list[Any]:
    if not hub._may_have_greenlets():
        return []
    return [target for target in greenlets_around(hub) if target is not hub and _waits_in(target, hub)]


def _waits_in(target: greenlet, hub: Any) -> bool:
    if isinstance(target, Greenlet):
        return target.hub is hub and target.started and not target.dead
    park = parked(target)
    return park is not None and park.hub is hub


def _unfinished_of(targets: list[Any]) -> bool:
    return any(not target.dead for target in targets)


def run_what_is_due() -> None:
    """At the end of the process, let the main thread's hub run posts and finalizers, and the calls that these post.

    The hubs of other threads end with their threads. The main thread's hub stays, because code that runs later may
    still wait. Parked greenlets get no error, as daemon threads get none.
    """
    hub = current_hub.get_hub_if_exists()
    if hub is None or hub.loop.closed or current() is hub:
        return
    give_up = coarse() + AT_EXIT
    loop = hub.loop
    for _ in range(CLOSING_ROUNDS):
        if not loop.has_calls():
            return
        # The hub must run the posts, because a callback may switch to greenlets.
        park = new_park(("what was posted before the end of the process",))
        loop.post(Callback(park.wake, (True,)))
        if park.wait(max(0.0, give_up - coarse())) is TIMED_OUT:
            return


def stop_other_hubs() -> None:
    """At the end of the process, make the hubs of other native threads sleep for ever.

    If `SURVIVES_FINALIZATION` is false, a greenlet that requests the GIL during the interpreter's finalization
    crashes the process. A hub does not stop if one of its greenlets is busy for longer than `STOP_SECONDS`.
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
    # A signal would interrupt the wait for a moment.
    refuse_signals()
    forever = _original.allocate_lock()
    forever.acquire()
    stopped.release()
    forever.acquire()


def keep_interrupt() -> None:
    """At the end of the process, make it die of SIGINT if a KeyboardInterrupt has ended the main module.

    CPython notes such a KeyboardInterrupt, and forgets it when `exec` or `eval` runs a text. Every import of a module
    with a dataclass or a namedtuple runs one. A green thread that runs at the end may import too: its first look-up
    of a host name imports several such modules. Then the process would end with the exit code 1, and a shell would
    continue its script.
    """
    # `last_value` is for CPython before 3.12.
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if type(error) is not KeyboardInterrupt or error.__traceback__ is None:
        return
    if hasattr(sys, "ps1"):
        # An interactive session continues after a KeyboardInterrupt. CPython itself sets the exit code at its end.
        return
    # If the frame has a caller, then a console, for example, printed the error, and the program continued.
    if error.__traceback__.tb_frame.f_back is None:
        with suppress(KeyboardInterrupt):
            # CPython notes a KeyboardInterrupt that an executed text raises.
            exec("raise KeyboardInterrupt")


# atexit calls this function last.
atexit.register(keep_interrupt)
if not SURVIVES_FINALIZATION:
    atexit.register(stop_other_hubs)
# atexit calls this function first.
atexit.register(run_what_is_due)
