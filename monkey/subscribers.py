"""Announce patching, before and after, to callbacks and to entry points of other packages."""

import os
import sys
import warnings
from collections.abc import Callable

from greenrt._typing import Any

__all__ = ["announcing", "some_package_has", "subscribe"]

WHEN = ("will_patch", "did_patch")
GROUPS = {when: f"greenrt.{when}" for when in WHEN}

# Callables that get the name of each patched module.
Callback = Callable[[str], object]

_subscribed: dict[str, list[tuple[Callback, str | None]]] = {when: [] for when in WHEN}

# The announced names, so that each name is announced once.
_announced: dict[str, list[str]] = {when: [] for when in WHEN}

# Whether the entry points of other packages were loaded.
_loaded = False


def subscribe(when: str, callback: Callback, name: str | None = None) -> None:
    """Call `callback(name)` before (`when="will_patch"`) or after (``"did_patch"``) something is patched.

    `name` is the name of one patch function without ``patch_`` (``"socket"``, ``"dns"``, ``"all"``...), or of a
    module given to `patch_module`; None means each. `patch_all` rebinds the copies in other modules before it
    announces ``"all"``, and a single patch function before it announces its own name. Each name is announced once. A
    ``"did_patch"`` callback is called at once for names that were announced already. An exception of a callback
    propagates to the caller of the patch function; if the callback runs before patching, the exception prevents it.
    Call this on the main thread only, like the patch functions. Raise ValueError for another `when`, and TypeError
    for a callback that is not callable.

    Packages can subscribe by entry points in the groups ``greenrt.will_patch`` and ``greenrt.did_patch``: the entry
    point's name is `name`, its object the callback. They are loaded before the first patch; a RuntimeWarning names
    one that can't be loaded. The idea is gevent's (``gevent.plugins.monkey``).
    """
    if when not in WHEN:
        raise ValueError(f"when must be 'will_patch' or 'did_patch', not {when!r}")
    if not callable(callback):
        raise TypeError(f"callback must be callable, not {callback!r}")
    _subscribed[when].append((callback, name))
    if when == "did_patch":
        for announced in list(_announced[when]):
            if name in (None, announced):
                callback(announced)


def announcing(name: str, patch: Callable[[], Any]) -> Any:
    """Call `patch` between the announcements of `name`. The first call in a process loads the entry points."""
    global _loaded
    if not _loaded:
        _loaded = True
        _load_entry_points()
    _announce("will_patch", name)
    result = patch()
    _announce("did_patch", name)
    return result


def _announce(when: str, name: str) -> None:
    announced = _announced[when]
    if name in announced:
        return
    # Add the name first: a callback may itself patch, or subscribe.
    announced.append(name)
    try:
        for callback, wanted in list(_subscribed[when]):
            if wanted in (None, name):
                callback(name)
    except BaseException:
        # The next attempt is announced again.
        announced.remove(name)
        raise


def _load_entry_points() -> None:
    if not some_package_has(b"[greenrt."):
        return
    from importlib.metadata import entry_points

    for when, group in GROUPS.items():
        for point in entry_points(group=group):
            try:
                callback = point.load()
            except Exception as error:
                # A broken package must not break each program that is patched.
                problem = f"entry point {group}: {point.name} = {point.value} can't be loaded: {error!r}"
                warnings.warn(problem, RuntimeWarning, stacklevel=2)
            else:
                subscribe(when, callback, point.name)


def some_package_has(group: bytes) -> bool:
    """Return whether any package has entry points in a group whose heading begins with `group`.

    importlib.metadata would answer too, but its import takes longer than all patching.
    """
    for folder in sys.path:
        if not isinstance(folder, str):
            # The import system ignores it too.
            continue
        try:
            names = os.listdir(folder or ".")
        except OSError:
            # The folder is missing, or a zip file, for which importlib.metadata is not asked.
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                try:
                    with open(os.path.join(folder, name, "entry_points.txt"), "rb") as file:
                        if group in file.read():
                            return True
                except OSError:
                    continue
    return False
