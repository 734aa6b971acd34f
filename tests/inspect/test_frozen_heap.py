"""Dumps after gc.freeze(), which hides the greenlets that exist from the lists of the garbage collector."""

import gc

import pytest
from greenlet import greenlet
from support.child import run_script

from greenrt._hub.frozen import frozen_instances


def test_frozen_greenlets_are_found() -> None:
    run_script("""
import gc, io, json
import greenrt
from greenrt import inspect
from greenrt.green import socket
event, queue, pool = greenrt.Event(), greenrt.Queue(), greenrt.Pool(3)
one, other = socket.socketpair()

def in_event(): event.wait()
def in_queue(): queue.get()
def in_pool(): event.wait()
def in_socket(): one.recv(1)
def in_sleep(): greenrt.sleep(60)

def begin():
    for each in (in_event, in_queue, in_socket, in_sleep):
        greenrt.spawn(each)
    pool.spawn(in_pool)

begin()
greenrt.sleep(0)
gc.freeze()
later = greenrt.spawn(in_event)
greenrt.sleep(0)
expected = ["", "in_event", "in_event", "in_pool", "in_queue", "in_sleep", "in_socket"]
found = inspect.greenlets()
assert sorted(each.function for each in found) == expected, found
assert [each.group[:5] for each in found if each.function == "in_pool"] == ["<Pool"], found
texts = [io.StringIO(), io.StringIO()]
inspect.dump(texts[0])
first, second, *lines = texts[0].getvalue().splitlines()
assert first.endswith(": 7 greenlets"), first
assert second.startswith("gc.freeze() hides "), second
assert second.endswith(" objects: a search along references has found all parked greenlets"), second
assert "1 pool:" in lines, lines
inspect.dump(texts[1], format="json")
found = json.loads(texts[1].getvalue())
assert sorted(each["function"] for each in found["greenlets"]) == expected
assert 0 < found["frozen"] <= gc.get_freeze_count()
assert found["missing"] == 0
    """)


def test_greenlets_that_are_not_found_are_counted() -> None:
    run_script("""
import gc, io, json
import greenrt
from greenrt import inspect

def main():
    # A local variable of a function that has not returned.
    event = greenrt.Event()
    greenrt.spawn(event.wait)
    greenrt.sleep(0)
    gc.freeze()
    texts = [io.StringIO(), io.StringIO()]
    inspect.dump(texts[0])
    line = texts[0].getvalue().splitlines()[1]
    expected = " objects: about 1 parked greenlet, to which only local variables lead, is not shown"
    assert line.endswith(expected), line
    inspect.dump(texts[1], format="json")
    assert json.loads(texts[1].getvalue())["missing"] == 1
    gc.unfreeze()
    texts = [io.StringIO(), io.StringIO()]
    inspect.dump(texts[0])
    assert "gc.freeze()" not in texts[0].getvalue()
    inspect.dump(texts[1], format="json")
    found = json.loads(texts[1].getvalue())
    assert (found["frozen"], found["missing"], len(found["greenlets"])) == (0, 0, 2)
    event.set()
    greenrt.sleep(0)

main()
    """)


def test_yields_are_no_waits_that_are_found() -> None:
    """A hub does not count them, so they must not take the place of a wait that is missing."""
    run_script("""
import gc, io
from support.suspended import shows_local_variables
import greenrt
from greenrt import inspect
texts = []

def ask():
    text = io.StringIO()
    inspect.dump(text)
    texts.append(text.getvalue().splitlines()[1])

def main():
    # A local variable of a function that has not returned.
    event = greenrt.Event()
    greenrt.spawn(event.wait)
    greenrt.sleep(0)
    gc.freeze()
    greenrt.spawn(ask)
    # The main greenlet yields meanwhile.
    greenrt.sleep(0)
    ask()
    # The main greenlet was suspended at the first dump, and runs during the second.
    shown = "has found all parked greenlets" if shows_local_variables() else MISSING
    assert shown in texts[0], texts
    assert MISSING in texts[1], texts

MISSING = "about 1 parked greenlet, to which only local variables lead"
main()
    """)


def test_the_search_runs_no_code_of_the_program() -> None:
    run_script("""
import gc, io
import greenrt
from greenrt import inspect
called = []

class Meta(type):
    def __getattribute__(cls, name):
        called.append(name)
        return type.__getattribute__(cls, name)
    def __hash__(cls):
        called.append("hash")
        return 1
    def __eq__(cls, other):
        called.append("eq")
        return cls is other

class Thing(metaclass=Meta):
    def __getattribute__(self, name):
        called.append(name)
        return object.__getattribute__(self, name)
    def __eq__(self, other):
        called.append("eq")
        return True
    __hash__ = None

class Mine(greenrt.Greenlet):
    @property
    def args(self):
        called.append("args")
        return ()
    kwargs = args

event = greenrt.Event()
things = [Thing(), Thing()]
kept = [greenrt.spawn(lambda *_: event.wait(), Thing()), Mine.spawn(lambda *_: event.wait(), Thing())]
greenrt.sleep(0)
gc.freeze()
called.clear()
inspect.dump(io.StringIO())
assert not called, called
event.set()
greenrt.joinall(kept)
    """)


@pytest.mark.parametrize(("spawn", "group"), [("greenrt.spawn", ""), ("greenrt.Pool(1).spawn", "<Pool at ")])
def test_the_frozen_greenlet_that_runs(spawn: str, group: str) -> None:
    """The watchdog names it, and its group."""
    run_script(f"""
import gc, threading
import greenrt
from greenrt.inspect.records import running_in
found = []

def computes():
    gc.freeze()
    thread = threading.Thread(target=lambda: found.append(running_in(main)))
    thread.start()
    thread.join()

main = threading.get_ident()
spawn = {spawn}
kept = spawn(computes)
kept.join()
assert found[0].function == "computes", found
assert found[0].group[:{len(group)}] == {group!r}, found
    """)


def test_a_callback_in_the_hub_is_known_without_a_search() -> None:
    """No greenlet runs meanwhile, so the whole heap would be searched in vain."""
    run_script("""
import gc, threading
import greenrt
from greenrt.inspect.records import running_in
from greenrt.inspect.stall import Stall
found = []

def fail():
    raise ZeroDivisionError

def look():
    found.append(running_in(main, fail))
    found.append(str(Stall(main, 1.0, 1.0, fail)))

def callback():
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

main = threading.get_ident()
hub = greenrt.get_hub()
gc.freeze()
hub.loop.run_callback(callback)
greenrt.sleep(0)
while len(found) < 2:
    greenrt.sleep(0.001)
assert found[0] is None
assert "a callback in the hub computes" in found[1], found[1]
    """)


def test_a_fork_ends_the_watchdogs_search() -> None:
    run_script("""
import gc, os, time
import greenrt
from greenrt import inspect
from greenrt.inspect import records
ended = []

def search(kinds, known, check, drop):
    # The heap may be as large as it likes.
    begun.append(1)
    try:
        while True:
            check()
    finally:
        ended.append(1)

def computes():
    gc.freeze()
    while not begun:
        pass
    pid = os.fork()
    if not pid:
        os._exit(0)
    assert len(ended) == 1
    os.waitpid(pid, 0)

begun = []
records.frozen_instances = search
event = greenrt.Event()
waiting = greenrt.spawn(event.wait)
watch = inspect.watch(0.05)
greenrt.sleep(0)
greenrt.spawn(computes).get()
watch.close()
event.set()
    """)


def test_the_search_can_be_ended() -> None:
    class Ended(Exception):
        pass

    def check() -> None:
        raise Ended

    with pytest.raises(Ended):
        frozen_instances((greenlet,), check=check)


def test_what_is_known_is_not_found_again() -> None:
    known = [each for each in gc.get_objects() if issubclass(type(each), greenlet)]
    found = frozen_instances((greenlet,), known)
    assert {id(each) for each in known}.isdisjoint(map(id, found))
    assert len({id(each) for each in found}) == len(found)
