"""Run one scenario with each call of each function failing once: ``sweep.py scenario calls-at-most``, with the shim.

Each run is in a new native thread, or the main one, with a new hub, and followed by one without a fault. Writes a
line of JSON: how many faults were tried, how often the scenario succeeded or raised which error, and what was wrong.
"""

import errno
import faulthandler
import gc
import json
import os
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

from scenarios import BROKEN, MAIN, SCENARIOS
from shim import FUNCTIONS, Faults

import greenrt
from greenrt.errors import HubDestroyed, LoopClosed

# Seconds for one run; then all stacks are printed, and the process ends.
LIMIT = 20

# What a fault of the kernel's may become.
CLEAN = (OSError, MemoryError, greenrt.Timeout, LoopClosed, HubDestroyed)


class Run:
    """One run of a scenario, with a hub of its own."""

    def __init__(
        self, scenario: Callable[[], None], faults: Faults, function: str, nth: int, error: str
    ) -> None:
        self.outcome: BaseException | None = None
        self.reported: list[BaseException] = []
        self.calls = 0

        def body() -> None:
            with faults.armed(function, nth, getattr(errno, error)):
                try:
                    hub = greenrt.get_hub()
                    hub.print_exception = self.note
                    try:
                        scenario()
                    finally:
                        hub.destroy()
                except BaseException as failure:
                    self.outcome = failure
            self.calls = faults.calls

        faulthandler.dump_traceback_later(LIMIT, exit=True)
        if scenario.__name__ in MAIN:
            body()
        else:
            thread = threading.Thread(target=body)
            thread.start()
            thread.join()
        faulthandler.cancel_dump_traceback_later()

    def note(self, context: Any, kind: Any, value: Any, tb: Any) -> None:
        self.reported.append(value)

    def wrong(self) -> str | None:
        """Return what no fault of the kernel's excuses."""
        for error in (self.outcome, *self.reported):
            if error is not None and not clean(error):
                return "".join(traceback.format_exception(error))
        return None


def clean(error: BaseException) -> bool:
    return isinstance(error, CLEAN) or (
        isinstance(error, RuntimeError) and "can't start new thread" in str(error)
    )


def held() -> list[str]:
    """Return the open fds, with what they are."""
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(f"{fd} {os.readlink(f'/proc/self/fd/{fd}')}")
        except OSError:
            pass
    return [link for link in links if "/proc/" not in link]


def leaked(before: set[str], threads: int) -> list[str]:
    """Return what a run left behind, once it has had time to go."""
    end = time.monotonic() + 1
    while True:
        gc.collect()
        found = sorted(set(held()) - before)
        if len(os.listdir("/proc/self/task")) > threads:
            found.append("a thread")
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.001)


def sweep(name: str, most: int) -> dict[str, Any]:
    scenario = {**SCENARIOS, **BROKEN}[name]
    faults = Faults()
    for _ in range(2):
        quiet = Run(scenario, faults, "none", 1, "EIO")
        assert quiet.outcome is None, traceback.format_exception(quiet.outcome)
    gc.collect()
    tried = 0
    outcomes: Counter[str] = Counter()
    problems = []
    for function, errors in FUNCTIONS.items():
        for error in errors:
            nth = 0
            while nth < most:
                nth += 1
                title = f"{name}: {error} from call {nth} of {function}"
                print(title, file=sys.stderr, flush=True)
                before, threads = set(held()), len(os.listdir("/proc/self/task"))
                run = Run(scenario, faults, function, nth, error)
                if run.calls < nth:
                    break
                tried += 1
                outcomes["success" if run.outcome is None else type(run.outcome).__name__] += 1
                if wrong := run.wrong():
                    problems.append(f"{title}:\n{wrong}")
                del run
                if left := leaked(before, threads):
                    problems.append(f"{title}: left {left}")
                after = Run(scenario, faults, "none", 1, "EIO")
                if after.outcome is not None:
                    problems.append(
                        f"{title}: the next run without a fault:\n"
                        + "".join(traceback.format_exception(after.outcome))
                    )
    return {"tried": tried, "outcomes": outcomes, "problems": problems}


if __name__ == "__main__":
    faulthandler.enable()
    print(json.dumps(sweep(sys.argv[1], int(sys.argv[2]))))
