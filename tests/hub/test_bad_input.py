"""Wrong arguments of greenlets, timeouts and waits: the error names the argument and the value."""

import signal
import socket
import threading
from collections.abc import Callable

import pytest

import greenrt
from greenrt import Greenlet, Timeout
from greenrt._hub.loop_proxy import LoopProxy


def ready() -> Greenlet:
    """Return a greenlet that has finished."""
    made = greenrt.spawn(int)
    made.join()
    return made


def waiting(call: Callable[[Greenlet], object]) -> object:
    """Call `call` with a greenlet that is parked."""
    with greenrt.spawn(greenrt.sleep, 0.01) as greenlet:
        greenrt.sleep(0)
        return call(greenlet)


def in_thread(function: Callable[..., object], *args: object) -> object:
    """Call ``function(*args)`` in a native thread without a hub; raise what it raises."""
    raised: list[BaseException] = []

    def call() -> None:
        try:
            function(*args)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    if raised:
        raise raised.pop()
    return None


def read_socket(*args: object) -> None:
    """Wait for a socket that never becomes readable."""
    one, other = socket.socketpair()
    with one, other:
        greenrt.wait_read(one.fileno(), *args)  # type: ignore[arg-type]


CALLS: list[tuple[str, object, Callable[[], object]]] = [
    # The name of the argument, the value, the call.
    ("seconds", "a", lambda: greenrt.sleep("a")),
    ("seconds", "", lambda: greenrt.sleep("")),
    ("seconds", None, lambda: greenrt.sleep(None)),
    ("seconds", [], lambda: greenrt.sleep([])),
    ("seconds", float("nan"), lambda: greenrt.sleep(float("nan"))),
    ("seconds", "x", lambda: Timeout("x")),  # type: ignore[arg-type]
    ("seconds", b"1", lambda: Timeout(b"1")),  # type: ignore[arg-type]
    ("seconds", "x", lambda: Timeout.start_new("x")),
    ("seconds", float("nan"), lambda: Timeout(float("nan"))),
    ("exception", 5, lambda: Timeout(1, 5)),  # type: ignore[arg-type]
    ("seconds", "x", lambda: greenrt.with_timeout("x", int)),  # type: ignore[arg-type]
    ("function", 5, lambda: greenrt.with_timeout(1, 5)),  # type: ignore[arg-type]
    ("run", 5, lambda: Greenlet(5)),  # type: ignore[arg-type]
    ("run", 5, lambda: greenrt.spawn(5)),
    ("run", 5, lambda: greenrt.spawn_later(1, 5)),
    ("seconds", "x", lambda: greenrt.spawn_later("x", int)),  # type: ignore[arg-type]
    ("seconds", "x", lambda: Greenlet(int).start_later("x")),  # type: ignore[arg-type]
    ("function", 5, lambda: greenrt.spawn_raw(5)),  # type: ignore[arg-type]
    ("callback", 5, lambda: Greenlet.add_spawn_callback(5)),  # type: ignore[arg-type]
    ("args", 5, lambda: setattr(Greenlet(int), "args", 5)),
    ("kwargs", 5, lambda: setattr(Greenlet(int), "kwargs", 5)),
    ("timeout", "x", lambda: waiting(lambda greenlet: greenlet.join("x"))),  # type: ignore[arg-type]
    ("timeout", [], lambda: waiting(lambda greenlet: greenlet.get(timeout=[]))),  # type: ignore[arg-type]
    ("timeout", "x", lambda: waiting(lambda greenlet: greenlet.kill(timeout="x"))),  # type: ignore[arg-type]
    ("callback", 5, lambda: ready().rawlink(5)),  # type: ignore[arg-type]
    ("callback", 5, lambda: ready().link(5)),  # type: ignore[arg-type]
    ("callback", 5, lambda: ready().link_value(5)),  # type: ignore[arg-type]
    ("callback", 5, lambda: ready().link_exception(5)),  # type: ignore[arg-type]
    ("target", 5, lambda: greenrt.kill(5)),
    ("exception", 5, lambda: waiting(lambda greenlet: greenlet.kill(5))),
    ("objects", 5, lambda: greenrt.wait(5)),  # type: ignore[arg-type]
    ("timeout", "x", lambda: greenrt.wait([ready()], timeout="x")),  # type: ignore[arg-type]
    ("count", "x", lambda: greenrt.wait([ready()], count="x")),  # type: ignore[arg-type]
    ("count", -1, lambda: greenrt.wait([ready()], count=-1)),
    ("objects", 5, lambda: greenrt.iwait(5)),  # type: ignore[arg-type]
    ("timeout", "x", lambda: greenrt.iwait([], "x")),  # type: ignore[arg-type]
    ("count", "x", lambda: greenrt.iwait([], count="x")),  # type: ignore[arg-type]
    ("greenlets", 5, lambda: greenrt.joinall(5)),  # type: ignore[arg-type]
    ("greenlets", 5, lambda: greenrt.joinall(5, raise_error=True)),  # type: ignore[arg-type]
    ("timeout", "x", lambda: greenrt.joinall([], "x")),  # type: ignore[arg-type]
    ("count", 1.5, lambda: greenrt.joinall([], count=1.5)),  # type: ignore[arg-type]
    ("greenlets", 5, lambda: greenrt.killall(5)),  # type: ignore[arg-type]
    ("greenlets", 5, lambda: greenrt.killall([5])),
    ("fileno", "x", lambda: greenrt.wait_read("x")),
    ("fileno", None, lambda: greenrt.wait_write(None)),
    ("fileno", 1.5, lambda: greenrt.wait_readwrite(1.5)),
    ("timeout", "x", lambda: read_socket("x")),
    ("timeout", "x", lambda: in_thread(read_socket, "x")),
    ("timeout_exc", 5, lambda: read_socket(0.001, 5)),
    ("handler", 5, lambda: greenrt.signal_handler(signal.SIGUSR1, 5)),  # type: ignore[arg-type]
    ("signals", 5, lambda: greenrt.SignalThread(5, print)),  # type: ignore[arg-type]
    ("signals", "x", lambda: greenrt.SignalThread("x", print)),  # type: ignore[arg-type]
    ("proxy", 5, lambda: greenrt.SignalThread([signal.SIGUSR1], print, 5)),  # type: ignore[arg-type]
    ("loop", 5, lambda: LoopProxy(5)),  # type: ignore[arg-type]
    ("timeout", "x", lambda: greenrt.get_hub().loop.proxy().call(int, timeout="x")),
    ("loop", 5, lambda: greenrt.Hub(5)),  # type: ignore[arg-type]
    ("watcher", 5, lambda: greenrt.get_hub().wait(5)),
    ("exception", 5, lambda: greenrt.Waiter().throw(5)),
]


@pytest.mark.parametrize(
    ("name", "value", "call"), CALLS, ids=[f"{index}-{name}" for index, (name, _, _) in enumerate(CALLS)]
)
def test_the_error_names_the_argument_and_the_value(
    name: str, value: object, call: Callable[[], object]
) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert name in str(caught.value)
    assert repr(value) in str(caught.value)


def test_a_negative_timeout_of_a_native_thread_ends_at_once() -> None:
    with pytest.raises(TimeoutError):
        in_thread(read_socket, -1)
