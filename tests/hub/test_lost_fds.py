"""Programs that close all file descriptors they did not open, as daemons do, including those of greenrt."""

import pytest
from support.child import run_script

import greenrt

pytestmark = pytest.mark.skipif(
    greenrt.get_hub().loop.backend != "epoll", reason="only the loop on epoll notices"
)

SCRIPT = """
import logging, os, signal, socket, sys, threading
import greenrt
logging.basicConfig(format="%(message)s")
if sys.argv[1] == "patched":
    from greenrt import monkey
    monkey.patch_all()

def wait(sock):
    try:
        greenrt.wait_read(sock)
    except OSError as error:
        return error.errno
    return sock.recv(10)

kept, peer = socket.socketpair()
for sock in (kept, peer):
    os.dup2(sock.fileno(), sock.fileno() + 500)
kept, peer = (socket.socket(fileno=sock.detach() + 500) for sock in (kept, peer))
lost, other = socket.socketpair()
waiting, losing = greenrt.spawn(wait, kept), greenrt.spawn(wait, lost)
sleeping = greenrt.spawn(greenrt.sleep, 0.2)
greenrt.sleep(0.05)

def take_away():
    os.closerange(3, 500)

if sys.argv[2] == "in a thread":
    # Under the sleep of the main thread.
    threading.Timer(0.05, take_away).start()
    greenrt.sleep(0.2)
else:
    take_away()
    greenrt.sleep(0.01)
lost.detach(), other.detach()
print(losing.get(timeout=10))
peer.send(b"more")
print(waiting.get(timeout=10))
sleeping.join(10)
print(sleeping.ready())
# Threads and signals wake the loop again.
event = greenrt.Event()
threading.Timer(0.05, event.set).start()
print(event.wait(10))
rung = greenrt.Event()
signal.signal(signal.SIGALRM, lambda *_: rung.set())
signal.setitimer(signal.ITIMER_REAL, 0.05)
print(rung.wait(10))
print(greenrt.get_hub().threadpool.apply(pow, (2, 3)))
"""


@pytest.mark.parametrize("how", ["plain", "patched"])
@pytest.mark.parametrize("where", ["here", "in a thread"])
def test_the_loop_goes_on_with_new_ones(how: str, where: str) -> None:
    output, log = run_script(SCRIPT, how, where)
    assert log.count("closed by the program") == 1, log
    assert output.splitlines() == ["9", "b'more'", "True", "True", "True", "8"]
