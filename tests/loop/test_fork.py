"""A loop in the child of a fork; each test runs in a process of its own."""

from support.child import run_script

SCRIPT = """
import socket
from greenrt._loop.loop import Loop
from support.forking import check, fork

loop = Loop({backend!r})
one, other = socket.socketpair()
seen = []
watcher = loop.io(one.fileno(), 1)
watcher.start(lambda: (seen.append(one.recv(10)), watcher.stop()))
loop.run_callback_threadsafe(seen.append, "posted before")
loop.run(nowait=True)
loop.run_callback_threadsafe(seen.append, "posted late")
final = []
loop.timer(1).finalize(final.append)

def child():
    parents = loop.fileno()
    loop.reinit()
    # The parent is not affected: its registrations are its own.
    other.send(b"child")
    loop.run()
    assert seen == ["posted before", "posted late", b"child"], seen
    assert final == []
    loop.close()

check(fork(child))
other.send(b"parent")
loop.run()
assert seen == ["posted before", "posted late", b"parent"], seen
assert len(final) == 1
"""


def test_both_go_on() -> None:
    for backend in ("epoll", "poll", "select"):
        run_script(SCRIPT.format(backend=backend))


FAILING = """
from greenrt._loop.loop import Loop
from support.forking import check, fork

loop = Loop()
seen = []
first, second = loop.fork(), loop.fork()
first.start(int, "no number")
second.start(seen.append, "called")
final = loop.timer(1)
final.finalize(seen.append)

def child():
    assert seen == ["called"], seen
    try:
        loop.run()
    except ValueError as error:
        assert "no number" in str(error)
    else:
        raise AssertionError
    assert loop.run() == "idle"
    assert seen == ["called"], seen

check(fork(child))
assert loop.run() == "idle"
assert seen == [final]
"""


def test_an_error_of_a_watcher_comes_out_of_the_next_run() -> None:
    run_script(FAILING)


LOST = """
import threading
from greenrt._loop.loop import Loop
from greenrt.errors import LoopClosed
from support.forking import check, fork

seen, made, leave = [], [], threading.Event()

def body():
    loop = Loop()
    made.append(loop)
    loop.ref()
    loop.run()

thread = threading.Thread(target=body)
thread.start()
while not made or not made[0].running:
    pass
loop = made[0]
busy, let_go = threading.Event(), threading.Event()
loop.run_callback_threadsafe(lambda: (busy.set(), let_go.wait()))
busy.wait()
watcher, other = loop.timer(1000), loop.timer(1)
stopping, closing = watcher.stop(), loop.close()
watcher.finalize(seen.append)

def child():
    # The parent's finalizer does not run here, and the child does not wait for a thread that it does not have.
    assert stopping.wait(20) and closing.wait(20)
    assert loop.close().done
    assert seen == [], seen
    assert watcher.stop(wait=True).done
    assert other.finalize(seen.append) is True
    assert seen == [other], seen

check(fork(child))
let_go.set()
assert closing.wait(20)
thread.join()
assert seen == [watcher], seen
"""


def test_a_loop_of_a_lost_thread_is_at_its_end() -> None:
    run_script(LOST)
