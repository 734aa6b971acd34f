"""Fds that are closed, replaced and lost under those who wait for them: they are told, and the loop lives on."""

import json

import pytest
from support.child import run_script

from .conftest import SEED, Campaign

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(300)]

SCRIPT = """
import collections, errno, json, logging, os, random, socket as native, sys
import greenrt
from greenrt import _original
from greenrt.green import socket, _fd_io
rounds, chance, broken = int(sys.argv[1]), random.Random(int(sys.argv[2])), sys.argv[3] == "broken"
logging.getLogger("greenrt").addHandler(logging.NullHandler())

def pair():
    return socket.socketpair()
def listener():
    return socket.create_server(("127.0.0.1", 0)), None
def full(sock):
    while True:
        sock.sendall(bytes(1 << 20))
waits = {
    "recv": (pair, lambda sock: sock.recv(10)),
    "sendall": (pair, full),
    "accept": (listener, lambda sock: sock.accept()),
    "read": (pair, lambda sock: _fd_io.read(sock.fileno(), 10)),
    "wait_read": (pair, lambda sock: greenrt.wait_read(sock.fileno())),
    "two": (pair, lambda sock: greenrt.joinall(
        [greenrt.spawn(sock.recv, 10), greenrt.spawn(full, sock)], raise_error=True)),
}

def replace(sock):
    _fd_io.dup2(spare.fileno(), sock.fileno())
def from_a_thread(sock):
    greenrt.get_hub().threadpool.apply(_fd_io.close, (sock.fileno(),))
def with_all(sock):
    # The loop's own are among them, and the spare one's.
    for number in os.listdir("/proc/self/fd"):
        if int(number) > 2:
            try:
                os.close(int(number))
            except OSError:
                pass
ends = {
    "close": lambda sock: sock.close(),
    "fd": lambda sock: _fd_io.close(sock.fileno()),
    "thread": from_a_thread,
    "replace": replace,
}
if broken:
    # Nobody tells the loop.
    ends = {"unseen": lambda sock: _original.close(sock.fileno())}

# The second of two that fail is nobody's.
greenrt.get_hub().handle_error = lambda *_: None
ticks = 0
def tick():
    global ticks
    while True:
        greenrt.sleep(0.001)
        ticks += 1
ticking = greenrt.spawn(tick)
spare, _peer = native.socketpair()
done = collections.Counter()
for number in range(rounds):
    name, (make, wait) = chance.choice(list(waits.items()))
    sock, peer = make()
    def run():
        try:
            return wait(sock)
        except OSError as error:
            return error.errno
    greenrt.get_hub().handle_error = lambda *_: None
    if not broken and number % 100 == 99:
        how, end = "all", with_all
    else:
        how, end = chance.choice(list(ends.items()))
    waiting = greenrt.spawn(run)
    # What waits only after a replacement waits for the new file.
    greenrt.sleep(0.001 if how == "replace" else chance.choice([0, 0.001]))
    end(sock)
    outcome = waiting.get(timeout=0.3 if broken else 20)
    assert outcome == errno.EBADF, (name, how, outcome)
    if how == "all":
        for left in (sock, peer, spare, _peer):
            if left is not None:
                left.detach()
        spare, _peer = native.socketpair()
    elif how != "replace":
        sock.detach()
    for left in (sock, peer):
        if left is not None:
            left.close()
    before = ticks
    while ticks == before:
        greenrt.sleep(0.001)
    done[how] += 1
print(json.dumps(done))
"""


def test_waiters_are_told(campaign: Campaign) -> None:
    output, _ = run_script(SCRIPT, "2000" if campaign.full else "400", str(SEED), "no")
    done = json.loads(output)
    ends = ", ".join(f"{count} {how}" for how, count in sorted(done.items()))
    campaign.report(f"{sum(done.values()):,} fds taken away under a waiter ({ends}), 0 problems; seed {SEED}")
    assert done["all"] >= 4


def test_a_close_that_the_loop_is_not_told_of_would_be_noticed() -> None:
    _, errors = run_script(SCRIPT, "10", str(SEED), "broken", code=1)
    assert "Timeout" in errors
