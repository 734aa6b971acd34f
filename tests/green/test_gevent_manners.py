"""Cases in which the standard library and gevent agree, or in which each accepts arguments that the other refuses."""

import select as plain_select
import socket as plain_socket
from collections.abc import Callable
from typing import Any

import pytest

import greenrt
from greenrt.dns.resolvers import AresResolver, ThreadResolver
from greenrt.green import select, threading


@pytest.mark.parametrize("function", ["gethostbyaddr", "gethostbyname_ex"])
@pytest.mark.parametrize("kind", [AresResolver, ThreadResolver])
@pytest.mark.parametrize("given", ["<broadcast>", b"<broadcast>"])
def test_the_word_for_all_hosts_is_no_host(
    function: str, kind: type[AresResolver] | type[ThreadResolver], given: bytes | str
) -> None:
    with pytest.raises(plain_socket.herror):
        getattr(plain_socket, function)(given)
    with pytest.raises(plain_socket.herror) as raised:
        getattr(kind(), function)(given)
    # In native threads other than the main one, glibc's gethostbyname_r does not pass the number to CPython.
    assert kind is ThreadResolver or raised.value.args == (1, "Unknown host")


@pytest.mark.parametrize("spawn", [greenrt.spawn, greenrt.spawn_raw])
def test_a_dummy_thread_ends_with_its_greenlet(spawn: Callable[..., Any]) -> None:
    """This holds even while other objects refer to its greenlet."""
    seen = []
    go = greenrt.Event()

    def ask() -> None:
        seen.append(threading.current_thread())
        go.wait()

    greenlet = spawn(ask)
    # Its first use of a lock may yield.
    while not seen:
        greenrt.sleep(0)
    assert seen[0] in threading._active.values()
    go.set()
    if spawn is greenrt.spawn:
        greenlet.join()
    else:
        while not greenlet.dead:
            greenrt.sleep(0.001)
        del greenlet
    assert seen[0] not in threading._active.values()
    assert seen[0] not in threading.enumerate()


def test_poll_takes_gevents_keywords() -> None:
    reader, writer = plain_socket.socketpair()
    with reader, writer:
        poller = select.poll()
        poller.register(fd=reader, eventmask=plain_select.POLLOUT)
        assert poller.poll(timeout=0) == [(reader.fileno(), plain_select.POLLOUT)]
        poller.modify(fd=reader, eventmask=plain_select.POLLIN)
        assert poller.poll(timeout=1) == []
        poller.unregister(fd=reader)
        with pytest.raises(TypeError, match="timeout must be an integer or None"):
            poller.poll("soon")
