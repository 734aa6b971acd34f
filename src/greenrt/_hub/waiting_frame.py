"""The Python frame by which other tools recognize a hub that waits.

Compiled code has no Python frames, so py-spy, faulthandler and `sys._current_frames` would show nothing for the
thread of a hub that polls. This module is never compiled. A greenlet that runs has frames of its own.
"""

from greenrt._hub.park import HubCore
from greenrt._native.switch import current, execute_current

__all__ = ["hub_is_waiting_for_events"]


def hub_is_waiting_for_events() -> None:
    """Run the body of the running greenlet, a hub. The name is for those who read a stack.

    Without a method and its arguments, each switch between a hub and a main greenlet copies less of the C stack.
    Raises RuntimeError in another greenlet.
    """
    if not isinstance(current(), HubCore):
        raise RuntimeError(
            "hub.run() is for the hub alone; hub.join() waits until the loop has nothing left to do"
        )
    execute_current()
