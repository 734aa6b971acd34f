"""Objects die with their last reference, even if the hub has not run since a greenlet waited on them."""

import weakref

import pytest

import greenrt
from greenrt.green import socket


class Finalized:
    """Its finalizer waits, which the hub could not do."""

    def __init__(self, log):
        self.log = log

    def __del__(self):
        greenrt.sleep(0.001)
        self.log.append("finalized")


def test_a_socket_whose_recv_timed_out():
    ours, theirs = socket.socketpair()
    with theirs:
        ours.settimeout(0.01)
        with pytest.raises(TimeoutError):
            ours.recv(1)
        found = weakref.ref(ours)
        with pytest.warns(ResourceWarning):
            del ours
        assert found() is None


@pytest.mark.parametrize("attribute", ["event", "item"])
def test_what_was_waited_for_and_what_the_wait_returned(attribute):
    class Event(greenrt.Event):
        pass

    log = []
    if attribute == "event":
        event = Event()
        assert not event.wait(0.01)
        event.owned = Finalized(log)
        del event
    else:
        queue = greenrt.Queue()
        greenrt.spawn_later(0.01, lambda: queue.put(Finalized(log)))
        item = queue.get()
        greenrt.sleep(0.01)
        del item
    assert log == ["finalized"]


@pytest.mark.skipif(
    greenrt.__build__ != "compiled",
    reason="the traceback has the frame of Park.wait, which refers to the error: a cycle, left to the collector",
)
@pytest.mark.parametrize("how", ["kill", "timeout"])
def test_what_the_traceback_of_a_handled_error_refers_to(how):
    def waits_with_an_object():
        owned = Finalized(log)
        greenrt.sleep(10)
        return owned

    def handles():
        try:
            if how == "timeout":
                with greenrt.Timeout(0.01):
                    waits_with_an_object()
            else:
                waits_with_an_object()
        except (greenrt.GreenletExit, greenrt.Timeout):
            pass
        seen.extend(log)

    log, seen = [], []
    handler = greenrt.spawn(handles)
    if how == "kill":
        greenrt.sleep(0.01)
        handler.kill()
    handler.join()
    assert seen == ["finalized"]
