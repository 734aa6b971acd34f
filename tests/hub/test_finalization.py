"""Native threads that have hubs when the interpreter is finalized: the process ends as if they had none."""

import pytest
from support.child import run_script

from greenrt._native.switch import SURVIVES_FINALIZATION

PROGRAM = """
import sys, threading, time
import greenrt
from greenrt import _original

ready = _original.allocate_lock()
ready.acquire()

def tick():
    while True:
        greenrt.sleep(0.0001)

def spin():
    while True:
        pass

def block():
    while True:
        _original.sleep(0.0001)

def nest():
    # Runs in a greenlet that another greenlet started by hand.
    def inner():
        while True:
            greenrt.sleep(0.0001)
    greenrt.spawn_raw(inner)
    greenrt.sleep(0)
    tick()

def idle():
    greenrt.spawn(greenrt.sleep, 1000)

def main_greenlet():
    greenrt.get_hub()
    greenrt.sleep(1000)

def serve():
    what = globals()[sys.argv[1]]
    ready.release()
    if what is main_greenlet:
        main_greenlet()
    greenrt.spawn(what)
    greenrt.sleep(0.001)
    if sys.argv[2] == "thread":
        greenrt.sleep(1000)

def pooled():
    # The thread of the pool keeps its hub, and waits for its next job.
    pool.spawn(serve)

pool = greenrt.ThreadPool(1)
if sys.argv[2] == "pool":
    pooled()
else:
    threading.Thread(target=serve, daemon=True).start()
ready.acquire()
# Ends at any point of the others' turns.
_original.sleep(float(sys.argv[3]))
"""

# Before CPython 3.13, the plain build cannot stop threads that are busy when the process ends.
BUSY = ("spin", "block")


@pytest.mark.parametrize("where", ["thread", "pool"])
@pytest.mark.parametrize("what", ["tick", "spin", "block", "nest", "idle", "main_greenlet"])
def test_the_process_ends_with_its_own_status(what: str, where: str) -> None:
    if what in BUSY and not SURVIVES_FINALIZATION:
        pytest.skip("in the plain build CPython unwinds the stack of a busy greenlet")
    for pause in ("0", "0.003"):
        run_script(PROGRAM, what, where, pause)
