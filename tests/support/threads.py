"""Calls in other native threads."""

import threading
from collections.abc import Callable
from typing import Any

from greenrt._hub.sleep import sleep
from greenrt._loop.loop import Loop

__all__ = ["Beside", "in_thread", "in_thread_meanwhile"]

PATIENCE = 30.0


def _note(outcome: list[Any], function: Callable[..., Any], *args: Any) -> None:
    try:
        outcome[:] = (function(*args), None)
    except BaseException as error:
        outcome[:] = (None, error)


def _unpack(outcome: list[Any]) -> Any:
    result, error = outcome
    if error is not None:
        raise error
    return result


def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Call in a new native thread, which blocks this one; return the result or raise the error."""
    outcome: list[Any] = []
    thread = threading.Thread(target=_note, args=(outcome, function, *args))
    thread.start()
    thread.join()
    return _unpack(outcome)


def in_thread_meanwhile(function: Callable[..., Any], *args: Any) -> Any:
    """Call in a new native thread while this thread's loop runs; return the result or raise the error."""
    outcome: list[Any] = []
    thread = threading.Thread(target=_note, args=(outcome, function, *args))
    thread.start()
    while thread.is_alive():
        sleep(0.001)
    return _unpack(outcome)


class Beside:
    """A loop that runs in a native thread of its own; errors of its callbacks are kept in `errors`."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        ready = threading.Event()

        def body() -> None:
            self.loop = Loop()
            self.loop.error_handler = lambda context, kind, value, tb: self.errors.append(value)
            self.loop.ref()
            ready.set()
            self.loop.run()

        self.thread = threading.Thread(target=body)
        self.thread.start()
        ready.wait()

    def do(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call in the loop's thread, as a callback; return the result or raise the error."""
        outcome: list[Any] = []
        done = threading.Event()

        def work() -> None:
            _note(outcome, function, *args)
            done.set()

        self.loop.run_callback_threadsafe(work)
        assert done.wait(PATIENCE)
        return _unpack(outcome)

    def end(self) -> None:
        """Close the loop and wait for its thread."""
        assert self.loop.close().wait(PATIENCE)
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
