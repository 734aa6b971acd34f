"""References of a dump that have become the last ones: the program's finalizers run in a thread with a hub."""

import pytest
from support.child import run_script

SETUP = """
import gc, threading
import greenrt
from greenrt.inspect import snapshot
from greenrt.inspect.groups import grouped
from greenrt.inspect.references import References
died_in = []

class Thing:
    def __del__(self):
        died_in.append(threading.current_thread().name)

def in_thread(function):
    def call():
        returned.append(function())
    returned = []
    thread = threading.Thread(target=call, name="other")
    thread.start()
    thread.join()
    return returned[0]
"""


@pytest.mark.parametrize("freezes", ["", "gc.freeze()"])
def test_what_the_program_drops_during_a_dump(freezes: str) -> None:
    """Between the steps of a dump in one thread, another thread drops objects, and greenlets end there."""
    run_script(f"""
{SETUP}
things = [[Thing() for _ in range(50)] for _ in range(300)]
events = [greenrt.Event() for _ in things]
kept = [greenrt.spawn(lambda thing, event: event.wait(), Thing(), event) for event in events]
greenrt.sleep(0)
{freezes}
asked, dropped = threading.Semaphore(0), threading.Semaphore(0)
done = []

def check():
    asked.release()
    dropped.acquire()

def dump():
    snapshot.take(grouped, check)
    done.append(1)
    asked.release()

thread = threading.Thread(target=dump, name="other")
thread.start()
while True:
    asked.acquire()
    if done:
        break
    if things:
        things.pop()
        events.pop().set()
        kept.pop()
        greenrt.sleep(0)
    dropped.release()
thread.join()
assert len(things) < 290
assert gc.isenabled()
del things[:], kept[:]
for event in events:
    event.set()
while len(died_in) < 300 * 51:
    greenrt.sleep(0.001)
assert set(died_in) == {{"MainThread"}}, set(died_in)
assert len(died_in) == 300 * 51
    """)


def test_only_what_nothing_else_refers_to_is_kept() -> None:
    run_script(f"""
{SETUP}
greenrt.sleep(0)
other = Thing()
references = References()

def drop():
    objects = [Thing(), other, *[Thing() for _ in range(3000)]]
    references.drop(objects)
    return objects, len(references._last), len(died_in)

assert in_thread(drop) == ([], 3001, 0)
in_thread(references.end)
# The hub has the last references now.
assert not died_in
greenrt.sleep(0)
while len(died_in) < 3001:
    greenrt.sleep(0)
assert set(died_in) == {{"MainThread"}}
del other
assert len(died_in) == 3002
    """)


def test_a_finalizer_that_waits() -> None:
    run_script(f"""
{SETUP}
lock = greenrt.Lock()
lock.acquire()

class Waits(Thing):
    def __del__(self):
        with lock:
            super().__del__()

greenrt.sleep(0)
references = References()
references.kept += [Waits(), Waits()]
in_thread(references.end)
greenrt.sleep(0.01)
assert not died_in
lock.release()
while len(died_in) < 2:
    greenrt.sleep(0)
assert died_in == ["MainThread"] * 2
    """)


@pytest.mark.parametrize("hub", ["", "greenrt.sleep(0); greenrt.get_hub().destroy(); "])
def test_without_a_hub(hub: str) -> None:
    run_script(f"""
{SETUP}
{hub}
references = References()
references.kept += [Thing()]
in_thread(references.end)
assert died_in == ["other"]
    """)


def test_a_hub_that_ends_meanwhile() -> None:
    """It runs what was posted to it, or its thread drops it: each object dies once."""
    run_script(f"""
{SETUP}
for number in range(30):
    references = References()
    references.kept += [Thing() for _ in range(10)]
    begun = threading.Event()

    def own_hub():
        greenrt.sleep(0)
        begun.set()
        if number % 2:
            greenrt.sleep(0.001)

    thread = threading.Thread(target=own_hub)
    thread.start()
    begun.wait()
    in_thread(references.end)
    thread.join()
    assert len(died_in) == 10 * (number + 1), (number, len(died_in))
    """)


def test_a_dump_leaves_no_frames_of_its_own() -> None:
    """Each would keep the variables of the dump, and so objects of the program, until a garbage collection."""
    run_script(f"""
{SETUP}
import io
from types import FrameType
from greenrt import inspect
from greenrt._render import is_own_frame

def dumps():
    for format in ("text", "json"):
        inspect.dump(io.StringIO(), format)
    inspect.greenlets()

greenrt.sleep(0)
gc.collect()
gc.disable()
dumps()
in_thread(dumps)
left = [each for each in gc.get_objects() if type(each) is FrameType and is_own_frame(each)]
assert not [each for each in left if ".inspect." in each.f_globals["__name__"]], left
    """)
