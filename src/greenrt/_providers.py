"""Objects of upper layers that lower layers use. Each upper layer sets its attributes when it is imported.

So a lower layer needs no import of an upper one. An attribute is None until then.
"""

from collections.abc import Callable

from greenrt._typing import Any

# Empty: the values are at home in the modules that set them, and users read them as `_providers.name`.
__all__: list[str] = []

# Set by `_hub`. Return a hub for the calling thread; a park for a waiter, from what it waits for; the proxy of a
# loop; an object that checks the greenlets of a loop with `debug`, or None.
make_hub: Callable[[], Any] | None = None
make_park: Callable[[Any], Any] | None = None
make_proxy: Callable[[Any], Any] | None = None
make_tracer: Callable[[Any], Any] | None = None

# Set by `_hub`: greenrt.Timeout.
timeout_class: Any = None

# Set by `sync`. Return the default `threadpool` of a hub.
make_threadpool: Callable[[Any], Any] | None = None

# Set by `dns`. Return the `resolver` of a hub from the value that the program has set; None is the default.
make_resolver: Callable[[Any, Any], Any] | None = None

# Set by `_inspection`. Each new hub calls it first. Raises ValueError for an invalid environment variable.
check_environment: Callable[[], None] | None = None

# Each new hub passes itself to these functions. `_inspection` and `inspect` add theirs.
at_new_hub: list[Callable[[Any], None]] = []
