"""Patched: in the child of a fork nobody of the parent's runs, not even while the hooks of others do."""

from support.child import run_script

SCRIPT = """
import os, threading, time
from greenrt import monkey
monkey.patch_all()
# Each takes a lock, as the hooks of threading and logging do, and lets so much time go by that a turn is due.
lock = threading.Lock()
def hook():
    time_is_up = time.perf_counter() + 0.05
    while time.perf_counter() < time_is_up:
        with lock:
            pass
os.register_at_fork(before=hook, after_in_child=hook)

ran_in = set()
def other():
    while True:
        ran_in.add(os.getpid())
        time.sleep(0)
threading.Thread(target=other, daemon=True).start()

def fork():
    child = os.fork()
    if not child:
        os._exit(os.getpid() in ran_in)
    assert os.waitpid(child, 0)[1] == 0
    # Here they do.
    ran_in.clear()
    hook()
    assert ran_in == {os.getpid()}
thread = threading.Thread(target=fork)
thread.start()
thread.join()
fork()
print("done")
"""


def test_nobody_of_the_parents_runs() -> None:
    output, _ = run_script(SCRIPT)
    assert output == "done\n"
