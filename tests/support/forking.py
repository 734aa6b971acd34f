"""Forks in scripts that run in a process of their own. This module imports nothing that patching must reach."""

import os
import traceback
from collections.abc import Callable

__all__ = ["check", "fork"]


def fork(function: Callable[[], object]) -> int:
    """Call a function in the child of a fork; return its pid. The child's exit code is 0, or 1 if it raised."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def check(pid: int) -> None:
    """Wait for a child; raise AssertionError unless its exit code is 0."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, code
