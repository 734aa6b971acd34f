"""The same scenario on the standard library with threads, and on the green twins with greenlets."""

import contextlib
import os as stdlib_os
import socket as stdlib_socket
import ssl as stdlib_ssl
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import greenrt
from greenrt.green import os as green_os
from greenrt.green import socket as green_socket
from greenrt.green import ssl as green_ssl
from support.parking import is_parked

# The number of the system call in which a thread waits for a lock, such as the GIL. On other machines such a thread
# counts as one that waits for an fd.
FUTEX = {"x86_64": "202", "aarch64": "98"}.get(stdlib_os.uname().machine)


class Task:
    """A thread or greenlet, and the result or the error of its function."""

    def __init__(self, side: "Side", function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.outcome: Any = None

        def run() -> None:
            try:
                self.outcome = function(*args)
            except Exception as error:
                self.outcome = described(error)

        self.runner = side.start(run)

    def result(self) -> Any:
        self.runner.join(20)
        return self.outcome


class Side:
    """The library with which a scenario runs."""

    os: ModuleType
    socket: ModuleType
    ssl: ModuleType
    sleep: Callable[[float], None]

    def start(self, function: Callable[[], None]) -> Any:
        raise NotImplementedError

    def spawn(self, function: Callable[..., Any], *args: Any) -> Task:
        return Task(self, function, args)

    def until_waiting(self, task: Task) -> None:
        """Wait until the function of `task` waits for an fd, or has ended."""
        raise NotImplementedError

    def pair(self) -> tuple[Any, Any]:
        """Return two connected TCP sockets."""
        with self.socket.create_server(("127.0.0.1", 0)) as listener:
            client = self.socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
        return client, server


class Stdlib(Side):
    os = stdlib_os
    socket = stdlib_socket
    ssl = stdlib_ssl
    sleep = staticmethod(time.sleep)

    def start(self, function: Callable[[], None]) -> Any:
        thread = threading.Thread(target=function, daemon=True)
        thread.start()
        return thread

    def until_waiting(self, task: Task) -> None:
        while task.runner.is_alive():
            # proc(5): "running", or the number of the system call and its arguments.
            with (
                contextlib.suppress(OSError),
                open(f"/proc/self/task/{task.runner.native_id}/syscall") as file,
            ):
                if file.read().split()[0] not in ("running", "-1", FUTEX):
                    return
            time.sleep(0.001)


class Green(Side):
    os = green_os
    socket = green_socket
    ssl = green_ssl
    sleep = staticmethod(greenrt.sleep)

    def start(self, function: Callable[[], None]) -> Any:
        return greenrt.spawn(function)

    def until_waiting(self, task: Task) -> None:
        while not task.runner.dead and not is_parked(task.runner):
            greenrt.sleep(0)


def described(error: BaseException) -> tuple[str, Any]:
    """Return the parts of an error that must be equal on both sides."""
    return type(error).__name__, getattr(error, "errno", None)


def attempt(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the result of a call, or a description of the error that it raised."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return described(error)


Scenario = Callable[[Side], Any]


class Scenarios(list[Scenario]):
    """The scenarios of a module. The instance is a decorator that adds one, and makes their test at the end."""

    def __call__(self, function: Scenario) -> Scenario:
        self.append(function)
        return function

    def test(self) -> Callable[..., None]:
        """Return the test that compares both sides, with a case for each scenario added so far."""

        @pytest.mark.parametrize("scenario", self, ids=[function.__name__ for function in self])
        def compare(scenario: Scenario) -> None:
            wanted = scenario(Stdlib())
            assert scenario(Green()) == wanted

        return compare
