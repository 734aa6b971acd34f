"""gevent.events: what `gevent.monkey` and the monitor of the hub announce.

An event is passed to each callable in `subscribers`, which is the list of zope.event if that is installed, and to the
entry points of other packages in the group that the event's class names.
"""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._plugins import entry_points_of
from greenrt.compat.gevent._zope import Attribute, Interface, implementer, notify, subscribers

__all__ = [
    "DoNotPatch",
    "EventLoopBlocked",
    "GeventDidPatchAllEvent",
    "GeventDidPatchBuiltinModulesEvent",
    "GeventDidPatchEvent",
    "GeventDidPatchModuleEvent",
    "GeventPatchEvent",
    "GeventWillPatchAllEvent",
    "GeventWillPatchEvent",
    "GeventWillPatchModuleEvent",
    "IEventLoopBlocked",
    "IGeventDidPatchAllEvent",
    "IGeventDidPatchBuiltinModulesEvent",
    "IGeventDidPatchEvent",
    "IGeventDidPatchModuleEvent",
    "IGeventPatchEvent",
    "IGeventWillPatchAllEvent",
    "IGeventWillPatchEvent",
    "IGeventWillPatchModuleEvent",
    "IMemoryUsageThresholdExceeded",
    "IMemoryUsageUnderThreshold",
    "IPeriodicMonitorThread",
    "IPeriodicMonitorThreadStartedEvent",
    "MemoryUsageThresholdExceeded",
    "MemoryUsageUnderThreshold",
    "PeriodicMonitorThreadStartedEvent",
    "notify",
    "notify_and_call_entry_points",
    "subscribers",
]


def notify_and_call_entry_points(event: Any) -> None:
    """Pass `event` to each subscriber, then to the entry points of its class's group."""
    notify(event)
    for subscriber in entry_points_of(type(event).ENTRY_POINT_NAME):
        subscriber(event)


# -- The monitor of the hub


class IPeriodicMonitorThread(Interface):  # type: ignore[misc]
    """The native thread that checks the hub from time to time."""

    def add_monitoring_function(function: Any, period: Any) -> None:
        """Call ``function(hub)`` in the monitor every `period` seconds; None removes the function."""


class IPeriodicMonitorThreadStartedEvent(Interface):  # type: ignore[misc]
    """The monitor has started."""

    monitor: Any = Attribute("the monitor")


@implementer(IPeriodicMonitorThreadStartedEvent)
class PeriodicMonitorThreadStartedEvent:
    """The monitor has started. Attribute: `monitor`."""

    ENTRY_POINT_NAME = "gevent.plugins.hub.periodic_monitor_thread_started"

    def __init__(self, monitor: Any) -> None:
        self.monitor = monitor


class IEventLoopBlocked(Interface):  # type: ignore[misc]
    """A greenlet has kept the loop from polling for too long."""

    greenlet: Any = Attribute("the greenlet that ran")
    blocking_time: Any = Attribute("the limit in seconds")
    info: Any = Attribute("the lines of the report, which subscribers may change")
    hub: Any = Attribute("the hub, or None")


@implementer(IEventLoopBlocked)
class EventLoopBlocked:
    """A greenlet has kept the loop from polling. Attributes: `greenlet`, `blocking_time` (s), `info` and `hub`."""

    def __init__(self, greenlet: Any, blocking_time: float, info: list[str], *, hub: Any = None) -> None:
        self.greenlet = greenlet
        self.blocking_time = blocking_time
        self.info = info
        self.hub = hub


class IMemoryUsageThresholdExceeded(Interface):  # type: ignore[misc]
    """The process uses more memory than allowed."""

    mem_usage: Any = Attribute("the memory of the process, in bytes")
    max_allowed: Any = Attribute("the limit, in bytes")
    memory_info: Any = Attribute("what psutil says about the memory of the process")


class _MemoryEvent:
    def __init__(self, mem_usage: int, max_allowed: int, memory_info: Any) -> None:
        self.mem_usage = mem_usage
        self.max_allowed = max_allowed
        self.memory_info = memory_info

    def __repr__(self) -> str:
        return f"<{type(self).__name__} used={self.mem_usage} max={self.max_allowed} details={self.memory_info!r}>"


@implementer(IMemoryUsageThresholdExceeded)
class MemoryUsageThresholdExceeded(_MemoryEvent):
    """The process uses more memory than allowed. Attributes: `mem_usage`, `max_allowed` (bytes), `memory_info`."""


class IMemoryUsageUnderThreshold(Interface):  # type: ignore[misc]
    """The process uses less memory than allowed again."""

    mem_usage: Any = Attribute("the memory of the process, in bytes")
    max_allowed: Any = Attribute("the limit, in bytes")
    max_memory_usage: Any = Attribute("the memory in bytes that the last event of the other kind had")
    memory_info: Any = Attribute("what psutil says about the memory of the process")


@implementer(IMemoryUsageUnderThreshold)
class MemoryUsageUnderThreshold(_MemoryEvent):
    """The process uses less memory than allowed again. `max_memory_usage` is what it had used before (bytes)."""

    def __init__(self, mem_usage: int, max_allowed: int, memory_info: Any, max_usage: int) -> None:
        super().__init__(mem_usage, max_allowed, memory_info)
        self.max_memory_usage = max_usage


# -- Patching


class DoNotPatch(BaseException):
    """Raised by a subscriber of a "will patch" event: what the event announces is not patched."""


class IGeventPatchEvent(Interface):  # type: ignore[misc]
    """An event of patching."""

    source: Any = Attribute("what has the new objects")
    target: Any = Attribute("what gets them")


@implementer(IGeventPatchEvent)
class GeventPatchEvent:
    """An event of patching. Attributes: `source` has the new objects, `target` gets them."""

    def __init__(self, source: Any, target: Any) -> None:
        self.source = source
        self.target = target

    def __repr__(self) -> str:
        return f"<{type(self).__name__} source={self.source!r} target={self.target!r} at {id(self):x}>"


class IGeventWillPatchEvent(IGeventPatchEvent):
    """Something will be patched. A subscriber may raise DoNotPatch."""


@implementer(IGeventWillPatchEvent)
class GeventWillPatchEvent(GeventPatchEvent):
    """Something will be patched. A subscriber may raise DoNotPatch."""


class IGeventDidPatchEvent(IGeventPatchEvent):
    """Something was patched."""


@implementer(IGeventDidPatchEvent)
class GeventDidPatchEvent(GeventPatchEvent):
    """Something was patched."""


class IGeventWillPatchModuleEvent(IGeventWillPatchEvent):
    """A module will be patched."""

    module_name: Any = Attribute("the name of the module")
    target_item_names: Any = Attribute("the list of the names to patch, which subscribers may change")


@implementer(IGeventWillPatchModuleEvent)
class GeventWillPatchModuleEvent(GeventWillPatchEvent):
    """A module will be patched. Attributes: `module_name` and `target_item_names`, which subscribers may change."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.will_patch_module"

    def __init__(self, module_name: str, source: Any, target: Any, items: list[str]) -> None:
        super().__init__(source, target)
        self.module_name = module_name
        self.target_item_names = items


class IGeventDidPatchModuleEvent(IGeventDidPatchEvent):
    """A module was patched."""

    module_name: Any = Attribute("the name of the module")


@implementer(IGeventDidPatchModuleEvent)
class GeventDidPatchModuleEvent(GeventDidPatchEvent):
    """A module was patched. Attribute: `module_name`."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_module"

    def __init__(self, module_name: str, source: Any, target: Any) -> None:
        super().__init__(source, target)
        self.module_name = module_name


class IGeventWillPatchAllEvent(IGeventWillPatchEvent):
    """`patch_all` begins."""

    patch_all_arguments: Any = Attribute("the arguments of patch_all by name, with defaults")
    patch_all_kwargs: Any = Attribute("further arguments of patch_all by name")

    def will_patch_module(module_name: Any) -> Any:
        """Return whether the module is to be patched."""


class _PatchAll:
    def __init__(self, patch_all_arguments: dict[str, Any], patch_all_kwargs: dict[str, Any]) -> None:
        super().__init__(None, None)  # type: ignore[call-arg]
        self._arguments = patch_all_arguments
        self._kwargs = patch_all_kwargs

    @property
    def patch_all_arguments(self) -> dict[str, Any]:
        """The arguments of patch_all by name, with defaults: a copy."""
        return self._arguments.copy()

    @property
    def patch_all_kwargs(self) -> dict[str, Any]:
        """The further arguments of patch_all by name: a copy."""
        return self._kwargs.copy()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._arguments!r} at {id(self):x}>"


@implementer(IGeventWillPatchAllEvent)
class GeventWillPatchAllEvent(_PatchAll, GeventWillPatchEvent):
    """`patch_all` begins. Attributes: `patch_all_arguments` and `patch_all_kwargs`."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.will_patch_all"

    def will_patch_module(self, module_name: str) -> bool:
        """Return whether the module is to be patched."""
        return bool(self.patch_all_arguments.get(module_name))


class IGeventDidPatchBuiltinModulesEvent(IGeventDidPatchEvent):
    """`patch_all` has patched the modules."""

    patch_all_arguments: Any = Attribute("the arguments of patch_all by name, with defaults")
    patch_all_kwargs: Any = Attribute("further arguments of patch_all by name")


@implementer(IGeventDidPatchBuiltinModulesEvent)
class GeventDidPatchBuiltinModulesEvent(_PatchAll, GeventDidPatchEvent):
    """`patch_all` has patched the modules; `GeventDidPatchAllEvent` follows."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_builtins"


class IGeventDidPatchAllEvent(IGeventDidPatchEvent):
    """`patch_all` is done, with all subscribers of its previous event."""


@implementer(IGeventDidPatchAllEvent)
class GeventDidPatchAllEvent(_PatchAll, GeventDidPatchEvent):
    """`patch_all` is done, with all subscribers of its previous event."""

    ENTRY_POINT_NAME = "gevent.plugins.monkey.did_patch_all"


__getattr__: Callable[[str], Any] = missing_names(__name__, {})
