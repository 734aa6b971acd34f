"""Other runtimes that patch the same modules: one process can have one."""

import sys

from greenrt._typing import Any

__all__ = ["refuse_rivals"]


def refuse_rivals() -> None:
    """RuntimeError if gevent or eventlet has patched: what greenrt would build on, and put back, is theirs then."""
    gevent: Any = sys.modules.get("gevent.monkey")
    eventlet: Any = sys.modules.get("eventlet.patcher")
    for name, patched in (
        ("gevent", getattr(gevent, "saved", None)),
        ("eventlet", getattr(eventlet, "already_patched", None)),
    ):
        if patched:
            # gevent keeps its settings there too, under a name of its own.
            modules = sorted(str(module) for module in patched if not str(module).startswith("_gevent"))
            raise RuntimeError(
                f"{name} has patched {', '.join(modules)} in this process, and two can't: "
                f"drop {name}'s patching, or greenrt's"
            )
