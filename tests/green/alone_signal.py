"""Green `signal`: greenlets wait for signals while others run. `test_signal.py` runs this file in its own process."""

import os
import signal as stdlib_signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.child import run_script
from support.threads import in_thread

import greenrt
from greenrt.green import signal

USR1, USR2 = stdlib_signal.SIGUSR1, stdlib_signal.SIGUSR2


@pytest.fixture
def blocked() -> Iterator[None]:
    before = stdlib_signal.pthread_sigmask(stdlib_signal.SIG_BLOCK, [USR1, USR2])
    yield
    stdlib_signal.pthread_sigmask(stdlib_signal.SIG_SETMASK, before)


@pytest.fixture(params=["signalfd", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without signalfd."""
    if request.param == "plain":
        monkeypatch.setattr(signal, "signalfd", lambda _: -1)


def to_process() -> None:
    os.kill(os.getpid(), USR1)


def to_thread() -> None:
    stdlib_signal.raise_signal(USR1)


def ran(function: Callable[[], None]) -> Callable[[], None]:
    """Return a function that starts a greenlet, which yields for 10 turns of others, then calls `function`."""

    def run() -> None:
        for _ in range(10):
            greenrt.sleep(0.001)
        function()

    return lambda: greenrt.spawn(run)


@pytest.mark.usefixtures("blocked", "way")
@pytest.mark.parametrize("send", [to_process, to_thread])
def test_sigwait(send: Callable[[], None]) -> None:
    ran(send)()
    found = signal.sigwait({USR1})
    assert found is USR1
    send()
    assert signal.sigwait([USR1, USR2]) is USR1


@pytest.mark.parametrize("here", [True, False])
def test_sigwait_for_a_signal_without_a_name(here: bool) -> None:
    nameless = stdlib_signal.SIGRTMIN + 1
    before = stdlib_signal.pthread_sigmask(stdlib_signal.SIG_BLOCK, [nameless])
    try:
        os.kill(os.getpid(), nameless)
        found = signal.sigwait([nameless]) if here else in_thread(signal.sigwait, [nameless])
    finally:
        stdlib_signal.pthread_sigmask(stdlib_signal.SIG_SETMASK, before)
    assert found == nameless


@pytest.mark.usefixtures("blocked", "way")
def test_sigwaitinfo() -> None:
    ran(to_process)()
    found = signal.sigwaitinfo([USR1])
    assert (found.si_signo, found.si_pid) == (USR1, os.getpid())


@pytest.mark.usefixtures("blocked", "way")
def test_sigtimedwait() -> None:
    assert signal.sigtimedwait([USR1], 0) is None
    assert signal.sigtimedwait([USR1], 0.02) is None
    ran(to_process)()
    assert signal.sigtimedwait([USR1], 20).si_signo == USR1


@pytest.mark.parametrize("arguments", [([USR1], -1), ([USR1], "x"), ([0], 1), (5, 1)])
def test_wrong_arguments(arguments: tuple[Any, Any]) -> None:
    def raised(function: Callable[..., Any]) -> type[BaseException]:
        with pytest.raises((TypeError, ValueError)) as caught:
            function(*arguments)
        return caught.type

    assert raised(signal.sigtimedwait) is raised(stdlib_signal.sigtimedwait)


def test_pause() -> None:
    seen = []
    previous = stdlib_signal.signal(USR1, lambda *_: seen.append(1))
    try:
        # A signal that arrived earlier does not count.
        to_process()
        pausing = greenrt.spawn(signal.pause)
        greenrt.sleep(0.01)
        assert not pausing.dead
        to_process()
        pausing.get()
        assert len(seen) == 2
    finally:
        stdlib_signal.signal(USR1, previous)


def test_pause_in_main_gets_what_the_handler_raises() -> None:
    class Stopped(Exception):
        pass

    def stop(*_: Any) -> None:
        raise Stopped

    previous = stdlib_signal.signal(USR1, stop)
    timer = threading.Timer(0.05, to_process)
    timer.start()
    try:
        with pytest.raises(Stopped):
            signal.pause()
    finally:
        timer.join()
        stdlib_signal.signal(USR1, previous)


@pytest.mark.usefixtures("blocked")
def test_a_thread_without_a_hub_blocks() -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(signal.sigwait([USR1])))
    thread.start()
    to_process()
    thread.join()
    assert found[0] is USR1


def test_pause_as_the_first_wait_of_all() -> None:
    """Other greenlets run meanwhile, even with a hub that has never run."""
    run_script(
        """
        import os, signal as stdlib_signal
        import greenrt
        from greenrt.green import signal
        stdlib_signal.signal(stdlib_signal.SIGUSR1, lambda *_: None)
        greenrt.spawn(os.kill, os.getpid(), stdlib_signal.SIGUSR1)
        signal.pause()
        """
    )
