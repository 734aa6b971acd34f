"""The cost of a child process: 1000 times ``Popen(["true"])`` and `wait`, all at once, on one core.

A patched program does this from greenlets. An unpatched program does it from native threads, and in sequence. The
processor time includes that of the child processes.
"""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from time import perf_counter

from benchmarks.harness.machine import cores
from benchmarks.harness.model import Area, Metric, Once, Target
from benchmarks.harness.runtimes import load, patch

IN_TURN = "unpatched, in turn"
TARGETS = (Target(3.0), Target(0.9, IN_TURN))

WALL = Metric("wall", "Popen + wait, 1000 at once, each", targets=TARGETS)
PROCESSOR = Metric("processor", "  processor time of all", targets=TARGETS)


def one() -> None:
    """Start a process and wait for its end."""
    assert subprocess.Popen(["true"]).wait() == 0


def in_turn(count: int) -> None:
    for _ in range(count):
        one()


def in_greenlets(name: str) -> Callable[[int], None]:
    def run(count: int) -> None:
        green = load(name)
        green.joinall([green.spawn(one) for _ in range(count)])

    return run


def in_threads(count: int) -> None:
    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def processor_seconds() -> float:
    """Return the processor time of this process and of the children that it has waited for."""
    # os.times() counts in ticks of 10 ms.
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def side(run: Callable[[int], None], patched_by: str = "") -> Callable[[int], Mapping[str, float]]:
    def measure(count: int) -> dict[str, float]:
        if patched_by:
            patch(patched_by)
        os.sched_setaffinity(0, cores()[-1:])
        # The first call imports modules and finds the program.
        run(2)
        used, start = processor_seconds(), perf_counter()
        run(count)
        return {
            "wall": (perf_counter() - start) / count,
            "processor": (processor_seconds() - used) / count,
        }

    return measure


AREA = Area(
    "processes",
    "Child processes",
    (
        Once(
            "processes",
            (WALL, PROCESSOR),
            {
                "greenrt": side(in_greenlets("greenrt"), "greenrt"),
                "gevent": side(in_greenlets("gevent"), "gevent"),
                "eventlet": side(in_greenlets("eventlet"), "eventlet"),
                "native threads": side(in_threads),
                IN_TURN: side(in_turn),
            },
            full=1000,
            smoke=10,
        ),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
