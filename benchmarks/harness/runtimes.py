"""Adapters: one namespace for each green-thread runtime, so that all run the same workload source.

An adapter only binds names. If a runtime lacks a name in gevent's spelling, and only a wrapper with a cost could
supply it, the name is missing. The workload then has a twin for that runtime, or leaves it out.
"""

import functools
import importlib
import warnings
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

R = TypeVar("R")
# asyncio is passed as an argument, as a green runtime is, so that a process that measures another never imports it.
CoroutineSide: TypeAlias = Callable[[ModuleType, int], Coroutine[Any, Any, R]]


@dataclass(frozen=True, slots=True)
class Green:
    """The names that the workloads use, each bound to the runtime's own object."""

    name: str
    spawn: Callable[..., Any]
    sleep: Callable[[float], Any]
    joinall: Callable[[list[Any]], Any]
    Timeout: Callable[[float], Any]
    Event: Callable[[], Any]
    Queue: Callable[..., Any]
    Semaphore: Callable[[], Any]
    local: Callable[[], Any]
    # None if the runtime has none.
    RLock: Callable[[], Any] | None
    loop: Any


def _greenrt() -> Green:
    # Submodules are not needed: the everyday names are in the package.
    greenrt: Any = importlib.import_module("greenrt")
    return Green(
        name="greenrt",
        spawn=greenrt.spawn,
        sleep=greenrt.sleep,
        joinall=greenrt.joinall,
        Timeout=greenrt.Timeout,
        Event=greenrt.Event,
        Queue=greenrt.Queue,
        Semaphore=greenrt.Semaphore,
        local=greenrt.local,
        RLock=greenrt.RLock,
        loop=greenrt.get_hub().loop,
    )


def _gevent() -> Green:
    gevent: Any = importlib.import_module("gevent")
    lock: Any = importlib.import_module("gevent.lock")
    return Green(
        name="gevent",
        spawn=gevent.spawn,
        sleep=gevent.sleep,
        joinall=gevent.joinall,
        Timeout=gevent.Timeout,
        Event=importlib.import_module("gevent.event").Event,
        Queue=importlib.import_module("gevent.queue").Queue,
        Semaphore=lock.Semaphore,
        local=importlib.import_module("gevent.local").local,
        RLock=lock.RLock,
        loop=gevent.get_hub().loop,
    )


def import_eventlet() -> Any:
    """Return the eventlet package, without the deprecation notice of its import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("eventlet")


def patch(name: str) -> None:
    """Patch the standard library as the runtime `name` does."""
    if name == "eventlet":
        import_eventlet().monkey_patch()
    else:
        importlib.import_module(f"{name}.monkey").patch_all()


def _eventlet() -> Green:
    eventlet = import_eventlet()
    event: Any = importlib.import_module("eventlet.event").Event
    # eventlet's own event with threading's names. Only names are added, so the measured path has no other code.
    spelt = type("Event", (event,), {"set": event.send, "clear": event.reset})

    def joinall(threads: Iterable[Any]) -> None:
        for thread in threads:
            thread.wait()

    return Green(
        name="eventlet",
        spawn=eventlet.spawn,
        sleep=eventlet.sleep,
        joinall=joinall,
        Timeout=eventlet.Timeout,
        Event=spelt,
        Queue=importlib.import_module("eventlet.queue").Queue,
        Semaphore=importlib.import_module("eventlet.semaphore").Semaphore,
        local=importlib.import_module("eventlet.corolocal").local,
        RLock=None,
        loop=importlib.import_module("eventlet.hubs").get_hub(),
    )


_ADAPTERS: Mapping[str, Callable[[], Green]] = {"greenrt": _greenrt, "gevent": _gevent, "eventlet": _eventlet}


@functools.cache
def load(name: str) -> Green:
    """Import one runtime and return its names."""
    return _ADAPTERS[name]()


def run_coroutine(runner: str, coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine on a fresh loop of ``runner``, the name of asyncio or uvloop."""
    module: Any = importlib.import_module(runner)
    result: R = module.run(coroutine)
    return result


def sides(
    green: Callable[[Green, int], R],
    coroutine: CoroutineSide[R] | None = None,
    *,
    without: tuple[str, ...] = (),
    instead: Mapping[str, Callable[[Green, int], R]] | None = None,
) -> dict[str, Callable[[int], R]]:
    """Return a workload's side for each runtime, which is imported only when the side is called.

    ``green`` is for the green-thread runtimes, ``coroutine`` for asyncio and uvloop. ``without`` names runtimes that
    can't take part, and ``instead`` has a twin for each runtime that spells the same operation differently.
    """
    found: dict[str, Callable[[int], R]] = {}
    for name in _ADAPTERS:
        if name not in without:
            found[name] = _bind(name, (instead or {}).get(name, green))
    if coroutine is not None:
        for runner in ("asyncio", "uvloop"):
            found[runner] = _bind_coroutine(runner, coroutine)
    return found


def _bind(name: str, workload: Callable[[Green, int], R]) -> Callable[[int], R]:
    return lambda count: workload(load(name), count)


def _bind_coroutine(runner: str, workload: CoroutineSide[R]) -> Callable[[int], R]:
    return lambda count: run_coroutine(runner, workload(importlib.import_module("asyncio"), count))
