"""Signal handlers that come in the middle of the runtime's own code and wait, at chosen places (plain build)."""

import pytest
from support.child import run_script

from greenrt._native.switch import INTERRUPTIBLE

pytestmark = pytest.mark.skipif(not INTERRUPTIBLE, reason="no handler comes in the midst of compiled code")

# `come_at(owner, name, who)` lets the signal's handler come once, at the start of a method, in the greenlet `who`.
COMMON = """
import signal
import greenrt, greenrt.errors
from greenrt._hub import greenlet as greenlets, park as parks

handled = []
action = None

def handle(number, frame):
    handled.append(number)
    action()

signal.signal(signal.SIGUSR1, handle)

def come_at(owner, name, who):
    original = getattr(owner, name)
    def interrupted(self, *args):
        if not handled and greenrt.getcurrent() is who():
            signal.raise_signal(signal.SIGUSR1)
        return original(self, *args)
    setattr(owner, name, interrupted)
"""


def test_a_reader_keeps_its_descriptor() -> None:
    run_script(
        COMMON
        + """
from greenrt.green import socket
action = lambda: greenrt.sleep(0.1)
near, far = socket.socketpair()
reader = greenrt.spawn(near.recv, 1)
come_at(parks.HubCore, "_hand_off", lambda: reader)
greenrt.sleep(0.02)
try:
    near.recv(1)
except greenrt.errors.ConcurrentObjectUseError:
    pass
else:
    raise AssertionError("two readers")
far.send(b"x")
assert reader.get(timeout=10) == b"x"
assert handled
near.close(); far.close()
"""
    )


def test_a_lock_whose_waiter_was_called_is_taken() -> None:
    """The holder's handler waits for the lock that the next greenlet in the queue is about to get."""
    run_script(
        COMMON
        + """
lock = greenrt.Lock()
def use():
    with lock:
        greenrt.sleep(0.01)
def wait_for_lock():
    with lock: pass
action = wait_for_lock
first, second = greenrt.spawn(use), greenrt.spawn(greenrt.sleep, 0.001)
come_at(parks.HubCore, "_hand_off", lambda: second)
greenrt.joinall([first, second], timeout=10, raise_error=True)
assert first.ready() and second.ready() and handled
"""
    )


def test_a_timeout_ends_a_yield_for_good() -> None:
    run_script(
        COMMON
        + """
def turn():
    try:
        with greenrt.Timeout(0.01):
            while True:
                greenrt.sleep(0)
    except greenrt.Timeout:
        pass
    greenrt.sleep(0.001)
    return greenrt.get_hub().loop.ready.peek()
assert greenrt.spawn(turn).get() is None
"""
    )


def test_a_handler_before_the_first_line() -> None:
    run_script(
        COMMON
        + """
action = lambda: greenrt.sleep(0.05)
ran = []
killed = greenrt.spawn(ran.append, 1)
come_at(greenlets.Greenlet, "_execute", lambda: killed)
greenrt.sleep(0.01)
killed.kill()
assert killed.dead or killed.ready()
assert isinstance(killed.value, greenrt.GreenletExit)
greenrt.sleep(0.1)
assert (ran, killed.exception, len(handled)) == ([], None, 1)
handled.clear()
action = lambda: greenrt.sleep(0)
other = greenrt.spawn(ran.append, 2)
come_at(greenlets.Greenlet, "_execute", lambda: other)
other.get(timeout=10)
assert (ran, len(handled)) == ([2], 1)
"""
    )


@pytest.mark.parametrize("place", ["_yield_up", "_take_back", "_obtain", "_give_back"])
def test_a_condition_s_lock_may_be_taken_while_it_is_given_up_and_taken_back(place: str) -> None:
    run_script(
        COMMON
        + f"""
from greenrt.sync.lock import Mutex
condition = greenrt.Condition(greenrt.RLock())
def take():
    with condition: pass
action = take
main = greenrt.getcurrent()
come_at(Mutex, {place!r}, lambda: main)
with greenrt.Timeout(10), condition:
    condition.wait(0.01)
"""
    )


@pytest.mark.parametrize("place", ["_set_aside", "_hand_off"])
def test_a_handler_that_raises_leaves_no_trace(place: str) -> None:
    run_script(
        COMMON
        + f"""
def fail(): raise KeyboardInterrupt
action = fail
lock = greenrt.Lock()
lock.acquire()
hub = greenrt.get_hub()
greenrt.sleep(0)
if {place!r} == "_hand_off":
    come_at(parks.HubCore, "_hand_off", greenrt.getcurrent)
else:
    original = parks._set_aside
    def interrupted(park, holder):
        if not handled: signal.raise_signal(signal.SIGUSR1)
        return original(park, holder)
    parks._set_aside = interrupted
before = hub._parked, hub.loop.refs
try:
    lock.acquire(timeout=50)
except KeyboardInterrupt:
    pass
else:
    raise AssertionError("no interrupt")
assert (hub._parked, hub.loop.refs) == before
lock.release()
assert lock.acquire(timeout=1)
assert not parks._interrupted
"""
    )


@pytest.mark.parametrize("made", ["parks.Shadow", "locals.Holder"])
def test_the_state_of_a_raw_greenlet_is_made_once(made: str) -> None:
    """The handler makes the state, and stores in it, while the greenlet makes it."""
    run_script(
        COMMON
        + """
import sys
from greenlet import greenlet
from greenrt._hub import local as locals
mine, other = greenrt.local(), greenrt.local()

def keep():
    mine.value = "kept"
action = keep

def use():
    other.value = "other"
    greenrt.sleep(0)
    assert (mine.value, other.value) == ("kept", "other")
    return True
results = []
raw = greenlet(lambda: results.append(use()))
come_at(eval(sys.argv[1]), "__init__", lambda: raw)
raw.switch()
greenrt.sleep(0.01)
assert results == [True]
assert handled
""",
        made,
    )
