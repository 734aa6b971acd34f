"""The leak oracle: the resources of the process before and after a test.

Allowed, and nothing else:

- the fds of the main thread's hub, which the first waiting test creates, and the watchers they need;
- greenrt's own idle native threads, which register in `greenrt._hub.deadlock.idle_threads`, and the fds of the
  main hub's thread pool (none so far);
- the main greenlets of native threads, and hubs: they live as long as their threads.
"""

import gc
import os
import time
from typing import Any

from greenlet import greenlet

import greenrt
from greenrt import _original
from greenrt._hub import current_hub, deadlock
from greenrt._hub.hub import Hub

__all__ = ["Holdings", "settle"]

# How long the remains of a test may take to go (seconds): a thread to end, a greenlet to handle its kill.
PATIENCE = 2.0


class Holdings:
    """The resources of this process at one moment."""

    def __init__(self) -> None:
        hub = current_hub.get_hub_if_exists()
        self.fds = _fds(hub)
        self.threads = _threads()
        self.greenlets = _greenlets()
        self.children = _has_children()
        self.loop = _loop_state(hub)

    def leaked_since(self, before: "Holdings") -> list[str]:
        """Return a line for each resource that exists now and did not exist `before`."""
        lines = [f"fd {fd}: {self.fds[fd]}" for fd in sorted(self.fds) if before.fds.get(fd) != self.fds[fd]]
        lines += [f"native thread {ident:#x}" for ident in sorted(self.threads - before.threads)]
        lines += [f"greenlet {text}" for key, text in self.greenlets.items() if key not in before.greenlets]
        if self.children and not before.children:
            lines.append("a child process that was not waited for")
        for name, count in self.loop.items():
            if count > before.loop.get(name, 0):
                lines.append(f"the main hub's loop: {name} were {before.loop.get(name, 0)}, are {count}")
        return lines


def settle(before: Holdings) -> list[str]:
    """Wait until the remains of a test are gone; return those that stay."""
    give_up = time.monotonic() + PATIENCE
    while leaks := Holdings().leaked_since(before):
        if time.monotonic() > give_up:
            return leaks
        gc.collect()
        if current_hub.get_hub_if_exists() is not None:
            greenrt.sleep(0.002)
        else:
            time.sleep(0.002)
    return []


def _fds(hub: Any) -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            # The fd of this listing itself.
            continue
    if hub is not None and not hub.loop.closed:
        own = {hub.loop.fileno(), *hub.loop._own_fds()}
        # Both ends of the pipe through which signals wake up the loop.
        pipes = {found[fd] for fd in own if found.get(fd, "").startswith("pipe:")}
        found = {fd: text for fd, text in found.items() if fd not in own and text not in pipes}
    return found


def _threads() -> set[int]:
    return set(_original.current_frames()) - deadlock.idle_threads - deadlock._pycares_threads()


def _greenlets() -> dict[int, str]:
    return {
        id(thing): f"{thing!r} (dead={thing.dead})"
        for thing in gc.get_objects()
        if isinstance(thing, greenlet)
        and not thing.dead
        and thing.parent is not None
        and not isinstance(thing, Hub)
    }


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _loop_state(hub: Any) -> dict[str, int]:
    if hub is None or hub.loop.closed:
        return {}
    loop = hub.loop
    own = loop._own_fds()
    return {
        "references": loop.refs,
        "timers": len(loop.timers),
        "queued entries": len(loop.ready),
        "prepare watchers": len(loop.prepares),
        "check watchers": len(loop.checks),
        "idle watchers": len(loop.idles),
        "waits for fds": sum(entry.fd not in own for entry in loop.fds.all_entries()),
    }
