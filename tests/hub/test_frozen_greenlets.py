"""What a hub does for its greenlets that gc.freeze() hides from the lists of the garbage collector."""

import pytest
from support.child import run_script

PRELUDE = """
import gc, logging, sys, threading
from support.suspended import shows_local_variables
import greenrt
from greenrt import _log
from greenrt._hub import current_hub
from greenrt._hub.hub import Hub
from greenrt.errors import HubDestroyed

logged, seen = [], []

class Handler(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())

logging.getLogger("greenrt").addHandler(Handler())

def waits(event):
    try:
        seen.append(event.wait())
    except HubDestroyed:
        seen.append("destroyed")

def yields():
    try:
        while True:
            greenrt.sleep(0)
    except HubDestroyed:
        seen.append("destroyed")
"""


def test_a_deadlock_lists_them() -> None:
    run_script(
        PRELUDE
        + """
event = greenrt.Event()
kept = greenrt.spawn(waits, event)
greenrt.sleep(0)
gc.freeze()
later = greenrt.spawn(waits, event)
greenrt.sleep(0)
try:
    event.wait()
except greenrt.LoopExit as error:
    text, _, lines = error.args
assert text.splitlines()[1:] == ["    " + line for line in lines], text
assert all(" waits on <Event at " in line for line in lines), lines
assert [line.split()[:2] for line in lines] == [
    ["the", "main"], ["<Greenlet", f'"{kept.name}"'], ["<Greenlet", f'"{later.name}"']], lines
"""
    )


def test_a_deadlock_counts_those_to_which_only_local_variables_lead() -> None:
    run_script(
        PRELUDE
        + """
def main():
    event = greenrt.Event()
    greenrt.spawn(waits, event)
    greenrt.sleep(0)
    gc.freeze()
    try:
        greenrt.Event().wait()
    except greenrt.LoopExit as error:
        lines = error.args[2]
    assert len(lines) == 2 and lines[0].startswith("the main greenlet waits on"), lines
    if shows_local_variables():
        assert "waits(" in lines[1], lines
    else:
        assert lines[1].startswith("gc.freeze() hides "), lines
        assert lines[1].endswith(" to which only local variables lead, not shown: about 1"), lines
    event.set()

main()
"""
    )


@pytest.mark.parametrize(
    "what", ["greenrt.spawn(waits, event)", "greenrt.spawn_raw(waits, event)", "greenrt.spawn(yields)"]
)
@pytest.mark.parametrize("end", ["destroy", "the end of the thread"])
def test_the_end_of_a_hub_ends_them(what: str, end: str) -> None:
    run_script(
        PRELUDE
        + """
event = greenrt.Event()
kept = []

def run():
    kept.append(eval(sys.argv[1]))
    for _ in range(3):
        greenrt.sleep(0)
    gc.freeze()
    if sys.argv[2] == "destroy":
        greenrt.get_hub().destroy()

if sys.argv[2] == "destroy":
    run()
else:
    thread = threading.Thread(target=lambda: (greenrt.get_hub(), run()))
    thread.start()
    thread.join()
assert seen == ["destroyed"], seen
assert kept[0].dead
_log.flush(10)
assert not logged, logged
""",
        what,
        end,
    )


def test_yields_take_the_place_of_none_that_is_missing() -> None:
    """A hub does not count greenlets that yield as parked."""
    run_script(
        PRELUDE
        + """
from greenrt import inspect

def stays():
    while True:
        try:
            greenrt.sleep(0)
        except HubDestroyed:
            pass

class Watches(inspect.Instrument):
    def woken(self, *args):
        pass

event = greenrt.Event()
kept = [greenrt.spawn(waits, event) for _ in range(3)]
greenrt.sleep(0)
gc.freeze()
# While an instrument looks on, each yield has a park.
inspect.add_instrument(Watches())
yielding = [greenrt.spawn(stays) for _ in range(5)]
greenrt.sleep(0)
greenrt.get_hub().destroy()
assert seen == ["destroyed"] * 3, seen
"""
    )


def test_the_end_of_a_hub_logs_how_many_it_does_not_find() -> None:
    run_script(
        PRELUDE
        + """
def main():
    event = greenrt.Event()
    greenrt.spawn(waits, event)
    greenrt.sleep(0)
    gc.freeze()
    greenrt.get_hub().destroy()
    _log.flush(10)
    assert len(logged) == 1 and logged[0].endswith("to which only local variables lead: 1"), logged
    assert not seen

main()
"""
    )


@pytest.mark.parametrize("waits_by", ["yields", "a wait"])
def test_a_wake_for_which_there_was_no_memory_arrives(waits_by: str) -> None:
    run_script(
        PRELUDE
        + """
class Full(greenrt.Loop):
    def post(self, entry):
        raise MemoryError

hub = Hub(Full())
current_hub.keep_hub(hub)
event = greenrt.Event()
kept = greenrt.spawn(waits, event)
greenrt.sleep(0)
gc.freeze()
thread = threading.Thread(target=event.set)
thread.start()
if sys.argv[1] == "yields":
    for _ in range(100_000):
        if seen:
            break
        greenrt.sleep(0)
else:
    kept.join(10)
thread.join()
assert seen == [True], seen
""",
        waits_by,
    )
