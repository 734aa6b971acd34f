"""The import lock, `_imp.acquire_lock`: a fork waits until no other green thread holds it.

For CPython, all green threads of a native thread are one owner. So the fork of one green thread would not wait for
another, and the child would see a half-initialized module. The import system holds the lock for short moments in
which nothing switches; programs may hold it longer.
"""

from greenlet import greenlet

from greenrt import _atfork, _original
from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.park import in_hub, new_park
from greenrt._hub.pending import postpone
from greenrt._native.switch import current_or_none
from greenrt._native.thread import ident
from greenrt._native.unbound import unbound
from greenrt._typing import Any

__all__ = ["FUNCTIONS", "wait_before_forks"]

# How often each greenlet has acquired the lock. All belong to one native thread: other threads wait for it natively.
_holders: dict[greenlet | None, int] = {}
_owner = 0
# The parks of waiting forks.
_parks: list[Any] = []


def acquire_lock() -> None:
    """Acquire the import lock. A thread may acquire it several times. See `imp.acquire_lock`."""
    global _owner
    _original.acquire_import_lock()
    try:
        _owner = ident()
        holder = current_or_none()
        _holders[holder] = _holders.get(holder, 0) + 1
    except BaseException:
        # A signal handler raised it. The caller does not know that it has the lock.
        _original.release_import_lock()
        raise


def release_lock() -> None:
    """Release the import lock. Raise RuntimeError if the thread does not hold it. See `imp.release_lock`."""
    holder = current_or_none()
    depth = _holders.get(holder, 0)
    if depth > 1:
        _holders[holder] = depth - 1
    elif depth:
        del _holders[holder]
        for park in _parks:
            park.wake(True)
    _original.release_import_lock()


def _held_by_others() -> bool:
    """Return whether another greenlet of this thread holds the lock, and can still release it."""
    if not _holders or _owner != ident():
        return False
    me = current_or_none()
    return any(holder is not me and holder is not None and not holder.dead for holder in list(_holders))


def _wait_for_others() -> None:
    """Park until no other greenlet of this thread holds the lock."""
    while _held_by_others() and not in_hub() and hub_for_waiting() is not None:
        park = new_park(("a fork, for another greenlet's import lock",))
        _parks.append(park)
        try:
            park.wait(None)
        except BaseException as error:
            # CPython would print an exception of this hook, and fork anyway.
            postpone(error)
            return
        finally:
            _parks.remove(park)


def _keep_own() -> None:
    """Forget the holders that do not exist in the child of a fork."""
    me = current_or_none()
    for holder in list(_holders):
        if holder is not me:
            del _holders[holder]
    _parks.clear()


def wait_before_forks() -> None:
    """Let each fork wait from now on. Called once: the hooks cannot be removed."""
    _atfork.register(_atfork.WAITS, _wait_for_others)
    _atfork.register(_atfork.RUNTIME, _keep_own)


# The functions that patching replaces in `_imp`. Finalizers import after this module has lost its names.
FUNCTIONS: dict[str, Any] = {
    "acquire_lock": unbound(acquire_lock, _original.acquire_import_lock),
    "release_lock": unbound(release_lock, _original.release_import_lock),
}
