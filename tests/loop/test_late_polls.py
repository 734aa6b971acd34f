"""A wait whose data arrived in time returns the data, however late the loop checks its timers."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from support.child import environment, run_script

# The child waits for a second; the parent stops it for longer, and sends meanwhile.
WAITS = {
    "recv": "sock.settimeout(1); print(sock.recv(5))",
    "recv_into": "sock.settimeout(1); data = bytearray(5); sock.recv_into(data); print(bytes(data))",
    "Timeout": "print(greenrt.with_timeout(1, sock.recv, 5, timeout_value='late'))",
    "select": "select.select([sock], [], [], 1)[0] and print(sock.recv(5))",
    "poll": "p = select.poll(); p.register(sock, 1); p.poll(1000) and print(sock.recv(5))",
    "epoll": "p = select.epoll(); p.register(sock, 1); p.poll(1) and print(sock.recv(5))",
    "selectors": "s = selectors.DefaultSelector(); s.register(sock, 1); s.select(1) and print(sock.recv(5))",
    "hub.wait": "greenrt.wait_read(sock.fileno(), 1); print(sock.recv(5))",
    "a socket file": "sock.settimeout(1); print(sock.makefile('rb').read(5))",
}

CHILD = """
import select, selectors, socket, subprocess, sys
from greenrt import monkey
monkey.patch_all()
import greenrt
sock = socket.socket(fileno=0)
print("ready", flush=True)
exec(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("wait", "backend"), [*((wait, "epoll") for wait in WAITS), ("recv", "poll"), ("recv", "select")]
)
def test_a_process_that_was_stopped(wait: str, backend: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, WAITS[wait]],
            stdin=theirs,
            stdout=subprocess.PIPE,
            env=environment(GREENRT_BACKEND=backend),
        )
        with child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            # By now the child waits, on all but the slowest machines; the test holds in any case.
            time.sleep(0.1)
            child.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, child.pid, os.WSTOPPED)
            ours.send(b"hello")
            time.sleep(1.1)
            child.send_signal(signal.SIGCONT)
            assert child.stdout.read() == b"b'hello'\n"


def test_more_events_than_one_poll_reports() -> None:
    run_script("""
        import resource, socket, time
        resource.setrlimit(resource.RLIMIT_NOFILE, (6000, 6000))
        import greenrt
        from greenrt.green import socket as green
        pairs = [green.socketpair() for _ in range(2500)]

        def all_sent_in_time(limit):
            began = time.monotonic()
            for _, theirs in pairs:
                theirs.settimeout(limit)
            waiting = [greenrt.spawn(theirs.recv, 1) for _, theirs in pairs]
            greenrt.sleep(0)
            if time.monotonic() - began < limit / 2:
                for ours, _ in pairs:
                    ours.send(b"x")
                if time.monotonic() - began < limit:
                    # All greenlets are late, and the peers are not the cause.
                    time.sleep(limit + 0.2)
                    assert {one.get() for one in waiting} == {b"x"}
                    return True
            greenrt.killall(waiting)
            return False

        # On a busy machine it takes long until all of them wait.
        assert any(all_sent_in_time(limit) for limit in (0.5, 2, 8))
    """)
