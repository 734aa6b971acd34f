"""Run one scenario with no memory at its k-th allocation: ``nomemory.py scenario step [broken]``.

Each k (of `step` one) is tried in the child of a fork, first with all later allocations failing too, then with that
one alone, until none is left to fail. Writes a line of JSON: how many ended in success or in which clean error, and
those that did not.
"""

import _testcapi
import faulthandler
import json
import os
import signal
import sys
import tempfile
import traceback
from collections import Counter
from typing import Any

from memory_scenarios import SCENARIOS, SWITCHING, break_finalizers

# Seconds for one child, which SIGALRM then ends.
LIMIT = 30
SUCCESS, CLEAN, WRONG = 0, 3, 4
# So many successes in a row: the scenario makes no more allocations.
ENOUGH = 5
MOST = 2000


def attempt(name: str, k: int, allocations: int) -> int:
    """Run the scenario in this process; return how it ended. What comes after it must work."""
    signal.alarm(LIMIT)
    outcome = SUCCESS
    with SCENARIOS[name]() as scenario:
        _testcapi.set_nomemory(k, k + allocations if allocations else 0)
        try:
            scenario.act()
        except MemoryError:
            outcome = CLEAN
        finally:
            _testcapi.remove_mem_hooks()
        scenario.check(outcome == CLEAN)
    with SCENARIOS[name]() as scenario:
        scenario.act()
        scenario.check(False)
    return outcome


def in_child(name: str, k: int, allocations: int) -> tuple[int, str]:
    """Try it in a child; return the exit code and what was written to stderr."""
    with tempfile.TemporaryFile() as errors:
        pid = os.fork()
        if pid == 0:
            code = WRONG
            try:
                os.dup2(errors.fileno(), 2)
                code = attempt(name, k, allocations)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        errors.seek(0)
        return code, errors.read().decode(errors="replace")


def greenlets_own(name: str, code: int, stderr: str) -> str:
    """Name a death that is greenlet's: it does not survive an allocation that fails in the middle of a switch.

    It aborts with a text of its own. Its segfaults leave none; they count where a scenario switches.
    """
    if code == -signal.SIGABRT and "greenlet: Failed low-level" in stderr:
        return "greenlet's abort"
    if code == -signal.SIGSEGV and name in SWITCHING:
        return "segfault in a switch"
    return ""


def sweep(name: str, step: int) -> dict[str, Any]:
    # Modules are imported, and the hub is there.
    for _ in range(2):
        with SCENARIOS[name]() as scenario:
            scenario.act()
            scenario.check(False)
    outcomes: Counter[str] = Counter()
    problems = []

    def run(k: int, allocations: int) -> bool:
        code, stderr = in_child(name, k, allocations)
        own = greenlets_own(name, code, stderr)
        if own:
            outcomes[own] += 1
        elif code in (SUCCESS, CLEAN):
            outcomes["success" if code == SUCCESS else "MemoryError"] += 1
        else:
            problems.append(f"allocation {k} ({allocations or 'and all after it'}): {code}: {stderr[-2000:]}")
        return code == SUCCESS

    successes = k = 0
    while successes < ENOUGH and k < MOST:
        succeeded = run(k, 0)
        successes = successes + 1 if succeeded else 0
        k += 1 if succeeded else step
    for one in range(0, k, step):
        run(one, 1)
    return {"tried": sum(outcomes.values()) + len(problems), "outcomes": outcomes, "problems": problems}


if __name__ == "__main__":
    faulthandler.enable()
    if "broken" in sys.argv:
        break_finalizers()
    print(json.dumps(sweep(sys.argv[1], int(sys.argv[2]))))
