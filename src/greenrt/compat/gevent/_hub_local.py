"""The hub of each thread, and the class of new hubs."""

from greenrt import _original, _providers
from greenrt._hub.current_hub import get_hub, get_hub_if_exists, keep_hub
from greenrt._typing import Any

__all__ = [
    "get_hub",
    "get_hub_class",
    "get_hub_if_exists",
    "get_hub_noargs",
    "get_loop",
    "offer_hub_class",
    "set_default_hub_class",
    "set_hub",
    "set_loop",
]

get_hub_noargs = get_hub

# One element: the class of new hubs.
_classes: list[Any] = []
_loops = _original.thread_local()


def set_default_hub_class(kind: Any) -> None:
    """Make `kind` the class of the hubs that threads get from now on."""
    offer_hub_class(kind)
    _providers.make_hub = _make


def offer_hub_class(kind: Any) -> None:
    """Make `kind` the result of `get_hub_class`, without any change for new hubs."""
    _classes[:] = [kind]


def _make() -> Any:
    return _classes[0]()


def get_hub_class() -> Any:
    """Return the class of new hubs; for a thread that has a hub, the class of that hub."""
    hub = get_hub_if_exists()
    return _classes[0] if hub is None else type(hub)


def set_hub(hub: Any) -> None:
    """Make `hub` the hub of the calling thread."""
    keep_hub(hub)


def get_loop() -> Any:
    """Return the loop that the next hub of the calling thread will run; None for a new one."""
    return getattr(_loops, "loop", None)


def set_loop(loop: Any) -> None:
    """Make `loop` the loop of the next hub of the calling thread."""
    _loops.loop = loop
