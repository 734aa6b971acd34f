"""The cost of standard library calls in a patched program, if they need not wait.

`greenrt.green` is the same call of greenrt's own modules in an unpatched program.
"""

import importlib
import sys
from collections.abc import Callable
from itertools import repeat
from time import perf_counter
from types import ModuleType

from benchmarks.harness.model import Area, Metric, Repeated, Target
from benchmarks.harness.runtimes import patch

# No more than the green call; the difference to 1 allows for the spread of the measurement.
TARGETS = (Target(0.9, "greenrt.green"),)

Find = Callable[[str], ModuleType]
Prepare = Callable[[Find], Callable[[], object]]


def sleep(find: Find) -> Callable[[], object]:
    time = find("time")
    return lambda: time.sleep(0)


def traffic(find: Find) -> Callable[[], object]:
    a, b = find("socket").socketpair()

    def once() -> None:
        a.send(b"x")
        b.recv(1)

    return once


def lock(find: Find) -> Callable[[], object]:
    made = find("threading").Lock()

    def once() -> None:
        made.acquire()
        made.release()

    return once


def queue(find: Find) -> Callable[[], object]:
    made = find("queue").Queue()

    def once() -> None:
        made.put(1)
        made.get()

    return once


def select(find: Find) -> Callable[[], object]:
    a, b = find("socket").socketpair()
    module = find("select")
    return lambda: module.select([a], [b], [], None)


def pipe(find: Find) -> Callable[[], object]:
    os = find("os")
    read_fd, write_fd = os.pipe()

    def once() -> None:
        os.write(write_fd, b"x")
        os.read(read_fd, 1)

    return once


def of_greenrt(name: str) -> ModuleType:
    return importlib.import_module(f"greenrt.green.{name}")


def patched_by(package: str) -> Find:
    def find(name: str) -> ModuleType:
        patch(package)
        return importlib.import_module(name)

    return find


def side(prepare: Prepare, find: Find) -> Callable[[int], float]:
    made: list[Callable[[], object]] = []

    def measure(count: int) -> float:
        if not made:
            made.append(prepare(find))
        once = made[0]
        start = perf_counter()
        for _ in repeat(None, count):
            once()
        return perf_counter() - start

    return measure


def case(name: str, title: str, prepare: Prepare) -> Repeated:
    finders = {"greenrt": patched_by("greenrt"), "gevent": patched_by("gevent"), "greenrt.green": of_greenrt}
    return Repeated(
        Metric(name, title, targets=TARGETS), {rival: side(prepare, find) for rival, find in finders.items()}
    )


AREA = Area(
    "patched",
    "Calls in a patched program",
    (
        case("sleep", "time.sleep(0)", sleep),
        case("traffic", "socket.send + recv", traffic),
        case("lock", "threading.Lock", lock),
        case("queue", "queue.Queue, put + get", queue),
        case("select", "select.select, 2 sockets", select),
        case("pipe", "os.write + os.read of a pipe", pipe),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
