"""The end of a hub: its greenlets are told, and have a little time to clean up."""

from greenlet import greenlet

from greenrt._hub.greenlet import Greenlet, kill
from greenrt._hub.park import parked
from greenrt._hub.pausing import sleep
from greenrt._hub.report import all_greenlets
from greenrt._native.thread import coarse
from greenrt._typing import Any
from greenrt.errors import HubDestroyed

__all__ = ["end_greenlets"]

# How often a greenlet that waits again is told again, and how long it may take each time (seconds).
ROUNDS = 10
ROUND_SECONDS = 0.1


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
    from greenrt._loop import log

    lines = "\n    ".join(repr(target) for target in left)
    log.error(
        "%r ends, and %d greenlets that caught HubDestroyed and wait again are given up:\n    %s",
        hub,
        len(left),
        lines,
    )


def _unfinished(hub: Any) -> list[Any]:
    if not hub.may_have_greenlets():
        return []
    return [target for target in all_greenlets() if target is not hub and _waits_in(target, hub)]


def _waits_in(target: greenlet, hub: Any) -> bool:
    if isinstance(target, Greenlet):
        return target.hub is hub and target.started and not target.dead
    park = parked(target)
    return park is not None and park.hub is hub


def _unfinished_of(targets: list[Any]) -> bool:
    return any(not target.dead for target in targets)
