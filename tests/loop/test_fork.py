"""A loop in the child of a fork, each in a process of its own."""

from support.child import run_script

SCRIPT = """
import os, socket
from greenrt._loop.loop import Loop

def child_of(function):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

loop = Loop({backend!r})
one, other = socket.socketpair()
seen = []
watcher = loop.io(one.fileno(), 1)
watcher.start(lambda: (seen.append(one.recv(10)), watcher.stop()))
loop.run_callback_threadsafe(seen.append, "posted before")
loop.run(nowait=True)
loop.run_callback_threadsafe(seen.append, "posted late")

def child():
    parents = loop.fileno()
    loop.reinit()
    # The parent is not told: its registrations are its own.
    other.send(b"child")
    loop.run()
    assert seen == ["posted before", "posted late", b"child"], seen
    loop.close()

assert child_of(child) == 0
other.send(b"parent")
loop.run()
assert seen == ["posted before", "posted late", b"parent"], seen
"""


def test_both_go_on():
    for backend in ("epoll", "poll", "select"):
        run_script(SCRIPT.format(backend=backend))
