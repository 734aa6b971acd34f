"""Run one echo server in a process of its own: ``python -m benchmarks.echo.server RIVAL CORE`` prints its port.

CORE is the CPU of the process, or -1 for any.
"""

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.harness.runtimes import patch, run_coroutine


def announce(port: int) -> None:
    """Print the port for the parent process."""
    print(port, flush=True)


def patched(runtime: str) -> None:
    """Patch the standard library, then run the unchanged blocking program on ``socket.socket`` objects."""
    patch(runtime)
    native_threads()


def native_threads() -> None:
    # Imported here, because some rivals must patch before any module imports socket and threading by name.
    importlib.import_module("benchmarks.echo.blocking").serve(announce)


def green_module() -> None:
    """Run the blocking program on greenrt's own socket module and greenlets, without patching."""
    greenrt: Any = importlib.import_module("greenrt")
    socket = importlib.import_module("greenrt.green.socket")
    importlib.import_module("benchmarks.echo.blocking").serve(announce, socket, greenrt.spawn)


def looping(runner: str, function: str) -> None:
    server = getattr(importlib.import_module("benchmarks.echo.looping"), function)
    run_coroutine(runner, server(announce))


SERVERS: Mapping[str, Callable[[], None]] = {
    "greenrt": lambda: patched("greenrt"),
    "greenrt.green": green_module,
    "gevent": lambda: patched("gevent"),
    "eventlet": lambda: patched("eventlet"),
    "native threads": native_threads,
    "asyncio": lambda: looping("asyncio", "serve_streams"),
    "uvloop": lambda: looping("uvloop", "serve_streams"),
    "asyncio Protocol": lambda: looping("asyncio", "serve_protocol"),
    "uvloop Protocol": lambda: looping("uvloop", "serve_protocol"),
}


def main() -> None:
    rival, core = sys.argv[1], int(sys.argv[2])
    if core >= 0:
        os.sched_setaffinity(0, {core})
    SERVERS[rival]()


if __name__ == "__main__":
    main()
