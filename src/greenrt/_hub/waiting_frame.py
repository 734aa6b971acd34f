"""The Python frame by which other tools recognize a hub that waits.

Compiled code has no Python frames, so py-spy, faulthandler and `sys._current_frames` would show nothing for the
thread of a hub that polls. This module is never compiled. A greenlet that runs has frames of its own.
"""

from greenrt._native.switch import Fiber, execute

__all__ = ["hub_is_waiting_for_events"]


def hub_is_waiting_for_events(hub: Fiber) -> None:
    """Run the body of `hub`, which is the running greenlet. The name is for those who read a stack."""
    execute(hub)
