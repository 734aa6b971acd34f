"""The dump of a process: each greenlet with its state, what it waits on and its stack."""

import contextvars
import dataclasses
import gc
import io
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from greenlet import greenlet
from support.child import run_script

import greenrt
from greenrt import inspect
from greenrt.dns import resolvers
from greenrt.green import socket
from greenrt.inspect import Place, collector, groups, places, report, sightings, snapshot, waits
from greenrt.inspect import records as records_module
from greenrt.inspect.groups import GreenletGroup, grouped
from greenrt.inspect.json_text import RECORDS


def records(*names: str) -> list[inspect.Record]:
    """Return the records of the greenlets with these names, in this order."""
    found = {record.name: record for record in inspect.greenlets()}
    return [found[name] for name in names]


def named(name: str, target: "greenrt.Greenlet[object]") -> "greenrt.Greenlet[object]":
    target.name = name
    return target


def dumped(format: str = "text") -> str:
    text = io.StringIO()
    inspect.dump(text, format)
    return text.getvalue()


@pytest.fixture
def event() -> Iterator[greenrt.Event]:
    made = greenrt.Event()
    yield made
    made.set()
    greenrt.sleep(0)


def outer(event: greenrt.Event) -> None:
    inner(event)


def inner(event: greenrt.Event) -> None:
    event.wait()


def test_a_parked_greenlet(event: greenrt.Event) -> None:
    target = named("waiting", greenrt.spawn(outer, event))
    greenrt.sleep(0)
    (record,) = records("waiting")
    assert (record.state, record.function, record.left) == ("parked", "outer", None)
    assert record.waits_on.startswith("<Event at 0x")
    assert [place.function for place in record.stack] == ["inner", "outer"]
    assert record.stack[0].file == __file__
    assert __file__ in record.spawned_at
    assert record.thread == threading.get_ident()
    event.set()
    target.join()
    assert "waiting" not in {each.name for each in inspect.greenlets()}


def test_each_state(event: greenrt.Event) -> None:
    parked = named("parked", greenrt.spawn(event.wait, 60))
    greenrt.sleep(0)
    unstarted = named("unstarted", greenrt.Greenlet(inner, event))
    ready = named("ready", greenrt.spawn(inner, event))
    test = greenrt.getcurrent()
    raw = greenlet(lambda: test.switch())
    raw.switch()
    found = records("parked", "unstarted", "ready", "main", f"raw at {id(raw):#x}")
    assert [record.state for record in found] == ["parked", "unstarted", "ready", "running", "suspended"]
    assert found[0].left is not None
    assert 0 < found[0].left <= 60
    assert "test_each_state" in [place.function for place in found[3].stack]
    raw.switch()
    unstarted.kill()
    event.set()
    greenrt.joinall([parked, ready])


def test_sockets_and_sleeps_say_what_they_wait_for() -> None:
    one, other = socket.socketpair()
    reading = named("reading", greenrt.spawn(one.recv, 1))
    sleeping = named("sleeping", greenrt.spawn(greenrt.sleep, 60))
    greenrt.sleep(0)
    found = records("reading", "sleeping")
    assert f"fd={one.fileno()}" in found[0].waits_on
    assert found[1].waits_on == "sleep(60 s)"
    greenrt.killall([reading, sleeping])
    one.close()
    other.close()


def test_no_code_of_the_program_runs() -> None:
    called = []

    class Mine(greenrt.Event):
        def __repr__(self) -> str:
            called.append("repr")
            return "mine"

    class Function:
        @property
        def __name__(self) -> str:
            called.append("name")
            return "name"

        def __call__(self, argument: object) -> None:
            mine.wait()

        __repr__ = Mine.__repr__

    class Argument:
        __repr__ = Mine.__repr__

    mine = Mine()
    target = greenrt.spawn(Function(), mine)
    joining = greenrt.spawn(target.join)
    # Their own repr() has those of the objects in them.
    queue: greenrt.Queue[object] = greenrt.Queue(maxsize=1, items=[Argument()])
    putting = greenrt.spawn(queue.put, Argument())
    result: greenrt.AsyncResult[object] = greenrt.AsyncResult()
    result.set(Argument())
    pool = greenrt.Pool(1)
    pool.spawn(lambda _: mine.wait(), Argument())
    lock = greenrt.RLock()
    holding = greenrt.spawn(lambda _: lock.acquire() and mine.wait(), Argument())
    greenrt.sleep(0)
    more = [greenrt.spawn(lock.acquire), greenrt.spawn(lambda *_: mine.wait(), result, queue, pool, lock)]
    greenrt.sleep(0)
    inspect.dump(io.StringIO())
    inspect.dump(io.StringIO(), format="json")
    assert called == []
    mine.set()
    joining.join()
    pool.join()
    greenrt.killall([holding, putting, *more])


def test_no_code_of_proxies_and_metaclasses_runs(event: greenrt.Event) -> None:
    called = []

    class Proxy:
        @property
        def __class__(self) -> type:  # type: ignore[override]
            called.append("class")
            return int

    class Meta(type):
        @property
        def __module__(cls) -> str:  # type: ignore[override]
            called.append("module")
            return "module"

        def __getattribute__(cls, name: str) -> object:
            called.append(name)
            return type.__getattribute__(cls, name)

        def __eq__(cls, other: object) -> bool:
            called.append("eq")
            return cls is other

        def __hash__(cls) -> int:
            called.append("hash")
            return 1

    class Made(metaclass=Meta):
        def __call__(self, *arguments: object) -> None:
            event.wait()

    made = Made()
    for function in (made, lambda *_: event.wait()):
        named("one of them", greenrt.spawn(function, Proxy(), made, Made))
    greenrt.sleep(0)
    called.clear()
    inspect.dump(io.StringIO())
    found = [each for each in inspect.greenlets() if each.name == "one of them"]
    inspect.stats()
    assert called == []
    assert [each.function.rpartition(".")[2] for each in found] == ["Made", "<lambda>"]
    assert [" at 0x" in argument for each in found for argument in each.arguments] == [True] * 6


# Makes properties that note their names in `called`.
COMPUTED = """
called = []

def computed(name):
    def get(self):
        called.append(name)
        raise ZeroDivisionError(name)
    return property(get)
"""


def test_attributes_of_greenlets_that_the_program_computes() -> None:
    """The program's subclasses may compute any attribute, and look for attributes in a way of their own."""
    run_script(
        COMPUTED
        + """
import gc, io, os
import greenlet
import greenrt
from greenrt import inspect
from greenrt._native.switch import INTERRUPTIBLE
def lookup(self, name):
    called.append(name)
    return object.__getattribute__(self, name)

class Mine(greenrt.Greenlet):
    __class__ = computed("__class__")
    __dict__ = computed("__dict__")

class Raw(greenlet.greenlet):
    __class__ = computed("__class__")
    __dict__ = computed("__dict__")

class Other(greenrt.Greenlet):
    pass

class OtherRaw(greenlet.greenlet):
    pass

event = greenrt.Event()
main = greenlet.getcurrent()
kept = [Mine(event.wait), Raw(main.switch), Other(event.wait), OtherRaw(main.switch)]
kept[0].start()
kept[2].start()
greenrt.sleep(0)
kept[1].switch()
# Only now: the runtime itself uses some.
public = ("dead", "parent", "gr_frame", "gr_context", "args", "kwargs", "name", "ready", "started", "spawned_at")
own = ("_name", "_function", "_site_code", "_site_offset", "_queued", "_begun", "_latch", "_locals", "_greenrt")
for name in public + own:
    setattr(Mine, name, computed(name))
    setattr(Raw, name, computed(name))
Other.__getattribute__ = OtherRaw.__getattribute__ = lookup
called.clear()
found = [(each.name.partition(" ")[0].partition("-")[0], each.state) for each in inspect.greenlets(context=True)]
assert sorted(found) == [
    ("Mine", "parked"), ("Other", "parked"), ("main", "running"), ("raw", "running"), ("raw", "unstarted")
], found
for format in ("text", "json"):
    text = io.StringIO()
    inspect.dump(text, format)
    assert "failed" not in text.getvalue(), text.getvalue()
inspect.stats()
inspect.growth()
gc.freeze()
inspect.greenlets()
# The plain build's own properties look for these.
assert set(called) <= ({"_state", "_args", "_kwargs", "_park"} if INTERRUPTIBLE else set()), called
os._exit(0)
    """
    )


def test_attributes_of_primitives_that_the_program_computes() -> None:
    """A subclass may have a property for any attribute that greenrt's class keeps in the object."""
    run_script(
        COMPUTED
        + """
import io, os, queue, threading
import greenrt
from greenrt import inspect
def derive(kind, *names):
    # Only later: the class itself uses some.
    derived = type("Mine", (kind,), {} if kind in COMPILED else {"__dict__": computed("__dict__")})
    made = derived()
    for name in names:
        setattr(derived, name, computed(name))
    return made

COMPILED = (greenrt.Queue, greenrt.sync.SimpleQueue, greenrt.Lock, greenrt.RLock, greenrt.AsyncResult)
event = greenrt.Event()
kept = [
    derive(greenrt.Group, "greenlets", "dying"),
    derive(greenrt.Pool, "greenlets", "size", "_room"),
    derive(greenrt.ThreadPool, "_room", "_outstanding", "_maxsize", "_serving", "_jobs"),
    *[derive(kind, "queue", "_maxsize", "getters", "putters") for kind in COMPILED[:2]],
    *[derive(kind, "_owner_id", "locked", "_waiters") for kind in COMPILED[2:4]],
    derive(greenrt.AsyncResult, "ready", "linkcount"),
    derive(greenrt.Condition, "_waiters", "_lock"),
    derive(queue.Queue, "queue", "maxsize", "not_empty", "not_full"),
]
spawned = [greenrt.spawn(lambda *_: event.wait(), each) for each in kept]
thread = threading.Thread(target=event.wait, daemon=True)
thread.start()
greenrt.sleep(0)
thread.__class__ = type("Computed", (threading.Thread,), {"__dict__": computed("__dict__")})
# Locks as such, which greenlets wait for.
parks = [greenrt.spawn(lambda each=each: greenrt._hub.park.new_park(each).wait()) for each in kept]
greenrt.sleep(0)
called.clear()
for format in ("text", "json"):
    text = io.StringIO()
    inspect.dump(text, format)
    assert "failed" not in text.getvalue(), text.getvalue()
inspect.stats()
inspect.greenlets()
assert not called, called
os._exit(0)
    """
    )


def test_pools_that_keep_their_greenlets_elsewhere() -> None:
    class Mine(greenrt.Pool):
        @property
        def greenlets(self) -> set[Any]:  # type: ignore[override]
            return self._mine

        @greenlets.setter
        def greenlets(self, value: set[Any]) -> None:
            self._mine = value

    pool = Mine(12345)
    assert 12345 in [each.size for each in inspect.stats().greenlet_pools]
    dumped()
    dumped("json")
    inspect.greenlets()
    assert pool.free_count() == 12345


def test_names_that_are_texts_of_the_programs_own_class() -> None:
    # In a process of its own: what measures coverage and what reports a failure read the names too.
    run_script("""
        import contextvars, io, os
        import greenrt
        from greenrt import inspect

        class Text(str):
            def fail(self, *_):
                raise ZeroDivisionError

            __format__ = __str__ = __repr__ = startswith = fail

        class Names(dict):
            get = values = Text.fail

        class Thing:
            pass

        Thing.__name__ = Thing.__qualname__ = Text("Renamed")
        variable = contextvars.ContextVar(Text("variable"))
        variable.set(1)
        event = greenrt.Event()
        names = Names(event=event, __name__=Text("module"))
        exec(compile("def in_exec(*_, **__): event.wait()", Text("file.py"), "exec"), names)
        target = greenrt.spawn(dict.__getitem__(names, "in_exec"), Thing(), **{Text("key"): 1})
        target.name = "texts"
        greenrt.sleep(0)
        (record,) = [each for each in inspect.greenlets(context=True) if each.name == "texts"]
        assert record.arguments[0].startswith("<__main__.Renamed at "), record.arguments
        assert record.arguments[1] == "key=1", record.arguments
        assert record.function == "in_exec", record.function
        assert record.context["variable"] == "1", record.context
        assert [(each.file, each.function) for each in record.stack] == [("file.py", "in_exec")], record.stack
        text, json = io.StringIO(), io.StringIO()
        inspect.dump(text)
        assert "file.py:1 in in_exec" in text.getvalue(), text.getvalue()
        inspect.dump(json, "json")
        assert "file.py" in json.getvalue(), json.getvalue()
        os._exit(0)
    """)


def test_a_native_thread_that_computes_its_name() -> None:
    class Nameless(threading.Thread):
        @property
        def name(self) -> Any:
            raise ZeroDivisionError

        @name.setter
        def name(self, value: object) -> None:
            pass

    leave = threading.Event()
    thread = Nameless(target=leave.wait, daemon=True)
    thread.start()
    assert "native thread" in dumped()
    leave.set()
    thread.join()


def test_objects_among_the_threads_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests and debuggers put objects of their own there."""

    class Thing:
        __slots__ = ()

    greenrt.sleep(0)
    monkeypatch.setitem(threading._active, threading.get_ident(), Thing())  # type: ignore[attr-defined]
    assert f"{threading.get_ident():#x}" in dumped()


def test_a_repr_that_calls_methods_of_a_subclass(event: greenrt.Event) -> None:
    class Mine(greenrt.Event):
        def linkcount(self) -> int:
            raise ZeroDivisionError

    target = named("mine", greenrt.spawn(lambda _: event.wait(), Mine()))
    greenrt.sleep(0)
    (record,) = records("mine")
    assert record.arguments[0].endswith(f".Mine at {id(target.args[0]):#x}>")


@pytest.mark.parametrize(
    ("module", "name", "shown"),
    [
        (records_module, "_arguments", "record"),
        (sightings, "run_state", "sighting"),
        (waits, "wait_text", "text"),
        (waits, "greenlet_name", "name"),
    ],
)
def test_an_error_costs_one_record(
    event: greenrt.Event, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, shown: str
) -> None:
    other = greenrt.Event()
    good, bad = named("good", greenrt.spawn(outer, event)), named("bad", greenrt.spawn(inner, other))
    greenrt.sleep(0)
    original = getattr(module, name)

    def fails(thing: Any, *args: Any) -> Any:
        if thing is bad or thing is other:
            raise ZeroDivisionError
        return original(thing, *args)

    monkeypatch.setattr(module, name, fails)
    text = f"<{shown} failed: ZeroDivisionError>"
    assert text in dumped()
    assert text in dumped("json")
    found = inspect.greenlets()
    assert ("good", "outer") in {(each.name, each.function) for each in found}
    assert [text in (each.name, each.function, each.waits_on) for each in found].count(True) == 1
    other.set()
    good.kill()


def test_greenlets_that_are_equal_or_not_hashable(event: greenrt.Event) -> None:
    @dataclasses.dataclass
    class Job(greenrt.Greenlet[object]):
        number: int = 0

        def __init__(self, *arguments: Any) -> None:
            greenrt.Greenlet.__init__(self, *arguments)

    inspect.growth()
    lock = greenrt.Lock()
    lock.acquire()
    jobs = [Job(inner, event), Job(inner, event), Job(lock.acquire)]
    # In gevent's interface greenlets have numbers.
    assert len({job.minimal_ident for job in jobs}) == 3
    for job in jobs:
        job.start()
    greenrt.sleep(0)
    names = {job.name for job in jobs}
    assert len([each for each in inspect.greenlets() if each.name in names]) == 3
    assert inspect.stats().greenlets["parked"] >= 3
    inspect.dump(io.StringIO())
    assert sum(each.grown for each in inspect.growth() if __file__ in each.spawned_at) == 3
    lock.release()
    event.set()
    for job in jobs:
        job.join()


def test_waits_that_last_for_ever_are_valid_json(event: greenrt.Event) -> None:
    for seconds in (float("inf"), 1e300, 1e5):
        named(f"{seconds:g}", greenrt.spawn(event.wait, seconds))
    greenrt.sleep(0)
    text = io.StringIO()
    inspect.dump(text, format="json")

    def refuse(word: str) -> None:
        raise ValueError(word)

    found = {
        each["name"]: each["left"] for each in json.loads(text.getvalue(), parse_constant=refuse)["greenlets"]
    }
    assert found["inf"] is None
    assert found["1e+300"] is None
    assert 0 < found["100000"] <= 1e5


@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_of_which_cpython_makes_no_text(event: greenrt.Event, sign: int) -> None:
    huge = sign * 10**5000
    with pytest.raises(ValueError, match="digits"):
        repr(huge)
    pool = greenrt.Pool(3)
    pool.size = huge
    inspect.stats()
    target = named("huge", greenrt.spawn(lambda *_: event.wait(), huge, -huge, 2**128 - 1, 2**128))
    greenrt.sleep(0)
    (record,) = records("huge")
    bits = f"<int of {huge.bit_length()} bits>"
    assert record.arguments == (bits, bits, str(2**128 - 1), "<int of 129 bits>")
    assert bits in dumped()
    assert "0 in use" in dumped()
    found = json.loads(dumped("json"))
    assert {each["size"] for each in found["pools"] if each["pool"].startswith("<Pool")} >= {None}
    event.set()
    target.join()


@pytest.mark.parametrize("freezes", ["", "gc.freeze()"])
def test_greenlets_whose_constructor_waits(freezes: str) -> None:
    """Before `Greenlet.__init__` has run, a greenlet has no function and no arguments."""
    run_script(f"""
import gc, io
import greenrt
from greenrt import inspect
event = greenrt.Event()
made = []

class Worker(greenrt.Greenlet):
    def __init__(self):
        made.append(self)
        event.wait()
        super().__init__()

maker = greenrt.spawn(Worker)
greenrt.sleep(0)
{freezes}
found = [each for each in inspect.greenlets() if each.name.startswith("Worker")]
assert [(each.state, each.arguments) for each in found] == [("unstarted", ())], found
assert inspect.stats().greenlets["unstarted"] == {0 if freezes else 1}
for format in ("text", "json"):
    text = io.StringIO()
    inspect.dump(text, format)
    assert "Worker" in text.getvalue()
repr(made)
event.set()
maker.join()
    """)


def test_control_characters_are_escaped(event: greenrt.Event) -> None:
    """The name may be a client's."""
    named("a\n\x1b[2J\x9b\ud800b\xe9", greenrt.spawn(event.wait))
    greenrt.sleep(0)
    text = io.StringIO()
    inspect.dump(text)
    assert "    a\\n\\x1b[2J\\x9b\\ud800b\xe9: Event.wait" in text.getvalue().splitlines()


def test_equal_stacks_form_one_group(event: greenrt.Event) -> None:
    many = [greenrt.spawn(outer, event) for _ in range(1000)]
    greenrt.sleep(0)
    text = io.StringIO()
    inspect.dump(text)
    lines = text.getvalue().splitlines()
    # Not one line for each greenlet.
    assert len(lines) < 200
    (head,) = [number for number, line in enumerate(lines) if line.startswith("1000 greenlets parked")]
    assert "on <Event" in lines[head]
    assert "and 995 more: outer" in lines[head + 1]
    assert [line.strip().rpartition(" in ")[2] for line in lines[head + 3 : head + 5]] == ["inner", "outer"]
    event.set()
    greenrt.joinall(many)


def test_json_has_each_greenlet(event: greenrt.Event) -> None:
    named("one of them", greenrt.spawn(inner, event))
    greenrt.sleep(0)
    text = io.StringIO()
    inspect.dump(text, format="json")
    (found,) = [each for each in json.loads(text.getvalue())["greenlets"] if each["name"] == "one of them"]
    assert found["stack"][0]["function"] == "inner"
    with pytest.raises(ValueError, match='format must be "text" or "json"'):
        inspect.dump(text, format="xml")


def test_json_records_are_those_of_greenlets(event: greenrt.Event) -> None:
    """Also of more greenlets than one piece of the text has, and with texts that JSON must escape."""
    named('a "name"\n\ud800\xe9', greenrt.spawn(event.wait, 60))
    many = [greenrt.spawn(outer, event) for _ in range(2 * RECORDS + 1)]
    greenrt.sleep(0)
    pool = greenrt.Pool(1)
    pool.spawn(lambda *_, **__: event.wait(), 'a "text"', event, key=None)
    greenrt.sleep(0)
    text = io.StringIO()
    inspect.dump(text, format="json")
    found = json.loads(text.getvalue())["greenlets"]
    expected = [json.loads(json.dumps(each, default=dataclasses.asdict)) for each in inspect.greenlets()]
    assert len(found) == len(expected) > len(many)
    for one, other in zip(found, expected, strict=True):
        # These differ from moment to moment: the first has the line of this test.
        for each in (one, other):
            each["left"] = each["left"] is not None
            if each["name"] == "main":
                each["stack"] = None
        assert one == other
    greenrt.killall(many)


def test_pieces_of_json_are_long(event: greenrt.Event) -> None:
    """The socket's thread writes each on its own, so none is a comma."""
    many = [greenrt.spawn(outer, event) for _ in range(10 * RECORDS)]
    greenrt.sleep(0)
    pieces = report.render("json")
    assert len(json.loads("".join(pieces))["greenlets"]) > len(many)
    short = [each for each in pieces if len(each) < 5]
    assert short == ["]", "}"]
    greenrt.killall(many)


@pytest.mark.parametrize("wait", ["an event", "sockets", "a sleep"])
def test_a_group_costs_the_same_texts_however_large_it_is(
    event: greenrt.Event, monkeypatch: pytest.MonkeyPatch, wait: str
) -> None:
    """Names, arguments, waits and places are rendered for a few greenlets of a group only."""

    class Counted:
        def __init__(self, function: Callable[..., Any]) -> None:
            self.function = function
            self.calls = 0

        def __call__(self, *args: Any) -> Any:
            self.calls += 1
            return self.function(*args)

    counted = []
    for module, name in (
        (records_module, "safe_text"),
        (records_module, "shown_name"),
        (groups, "shown_name"),
        (waits, "wait_text"),
        (places, "Place"),
        (places, "render_site"),
    ):
        counted.append(Counted(getattr(module, name)))
        monkeypatch.setattr(module, name, counted[-1])

    def begin(number: int) -> "greenrt.Greenlet[object]":
        if wait == "an event":
            return greenrt.spawn(outer, event)
        if wait == "a sleep":
            return greenrt.spawn(greenrt.sleep, 60 + number % 2)
        return greenrt.spawn(pairs[number][0].recv, 1)

    pairs = [socket.socketpair() for _ in range(100)]

    def calls(number: int) -> list[int]:
        many = [begin(each) for each in range(number)]
        # The first poll of a new fd may wake its greenlet for nothing.
        greenrt.idle()
        greenrt.idle()
        before = [each.calls for each in counted]
        text = io.StringIO()
        inspect.dump(text)
        if wait != "a sleep":
            assert f"{number} greenlets parked" in text.getvalue()
        greenrt.killall(many)
        return [each.calls - known for each, known in zip(counted, before, strict=True)]

    try:
        few = calls(10)
        assert min(few) > 0
        assert calls(100) == few
    finally:
        for each in itertools.chain(*pairs):
            each.close()


def test_sleeps_of_equal_numbers_have_their_own_texts() -> None:
    many = [greenrt.spawn(greenrt.sleep, seconds) for seconds in (60, 60.0, 60, 60.0)]
    greenrt.sleep(0)
    found = [each.waits_on for each in inspect.greenlets() if each.waits_on.startswith("sleep(60")]
    assert found == ["sleep(60 s)", "sleep(60.0 s)"] * 2
    greenrt.killall(many)


def test_without_stderr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A program without a terminal, such as one that pythonw runs, has none."""
    monkeypatch.setattr(sys, "stderr", None)
    inspect.dump()
    assert capsys.readouterr().out == ""


def test_from_another_thread_and_with_several_hubs(event: greenrt.Event) -> None:
    found: list[inspect.Record] = []
    leave = threading.Event()
    inside = threading.Event()

    def own_hub() -> None:
        waiting = named("elsewhere", greenrt.spawn(greenrt.sleep, 60))
        greenrt.sleep(0)
        inside.set()
        leave.wait()
        waiting.kill()

    thread = threading.Thread(target=own_hub)
    thread.start()
    inside.wait()
    asking = threading.Thread(target=lambda: found.extend(records("elsewhere", "main")))
    asking.start()
    asking.join()
    assert found[0].thread == thread.ident
    assert found[0].waits_on == "sleep(60 s)"
    leave.set()
    thread.join()


def test_a_signal_asks_for_it() -> None:
    _, errors = run_script("""
import os, signal, sys
import greenrt
from greenrt import inspect
from greenrt.dns import resolvers
def stuck():
    greenrt.Event().wait()
greenrt.spawn(stuck)
done = greenrt.Event()
def on_signal():
    inspect.dump()
    done.set()
handler = greenrt.signal_handler(signal.SIGUSR1, on_signal)
greenrt.spawn_later(0.01, os.kill, os.getpid(), signal.SIGUSR1)
done.wait()
handler.cancel()
    """)
    assert "('MainThread'), on <Event" in errors
    assert "in stuck" in errors


def test_in_the_child_of_a_fork_that_a_green_thread_made() -> None:
    """There the green thread represents the native one, and the main greenlet never runs again."""
    run_script("""
from greenrt import monkey
monkey.patch_all()
import os, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import greenrt
from greenrt import inspect
from greenrt.dns import resolvers
codes = []
def forks():
    pid = os.fork()
    if pid == 0:
        greenrt.spawn(greenrt.sleep, 60)
        greenrt.sleep(0)
        found = {record.waits_on: record for record in inspect.greenlets()}
        os._exit(0 if "sleep(60 s)" in found else 1)
    codes.append(os.waitpid(pid, 0)[1])
thread = threading.Thread(target=forks)
thread.start()
thread.join()
assert codes == [0], codes
    """)


# -- What is beside the stacks


def test_arguments_parent_group_and_context(event: greenrt.Event) -> None:
    variable: contextvars.ContextVar[object] = contextvars.ContextVar("of this test")
    variable.set(5)
    pool = greenrt.Pool(2)
    named("member", pool.spawn(inner, event))
    raw = greenlet(greenrt.getcurrent().switch)
    raw.switch()
    named("with a key", greenrt.spawn(lambda text, key: event.wait(), "text", key=event))
    greenrt.sleep(0)
    found = {record.name: record for record in inspect.greenlets(context=True)}
    assert found["member"].arguments == (f"<Event at {id(event):#x} clear waiting=2>",)
    assert found["member"].group.startswith("<Pool at 0x")
    assert found["with a key"].arguments == ("'text'", f"key=<Event at {id(event):#x} clear waiting=2>")
    assert (found["with a key"].parent, found["main"].parent) == ("hub", "")
    assert found[f"raw at {id(raw):#x}"].parent == "main"
    context = found["member"].context
    assert context is not None
    assert context["of this test"] == "5"
    assert records("member")[0].context is None
    raw.switch()


def test_a_dump_numbers_no_greenlets(event: greenrt.Event) -> None:
    """A number would cost memory for each greenlet."""
    target = greenrt.spawn(inner, event)
    greenrt.sleep(0)
    assert records(f"Greenlet at {id(target):#x}")
    number = target.minimal_ident
    assert records(f"Greenlet-{number}")


def test_threads_pools_and_descriptors(event: greenrt.Event) -> None:
    leave = threading.Event()

    def native() -> None:
        leave.wait()

    thread = threading.Thread(target=native, name="beside")
    thread.start()
    pool = greenrt.Pool(1)
    pool.spawn(inner, event)
    waiting = greenrt.spawn(pool.spawn, inner, event)
    greenrt.sleep(0)
    text = io.StringIO()
    inspect.dump(text)
    lines = text.getvalue().splitlines()
    (place,) = [number for number, line in enumerate(lines) if "('beside')" in line]
    assert lines[place].startswith("1 native thread without greenlets: ")
    assert any(line.endswith(" in native") or ".native" in line for line in lines[place : place + 6])
    assert f"    <Pool at {id(pool):#x} 1 greenlets>: 1 of 1 in use, 1 greenlet waiting" in lines or any(
        "1 of 1 in use, 1 greenlet waiting" in line for line in lines
    )
    assert any(line.startswith("fds: ") and " of at most " in line for line in lines)
    assert any(line.startswith(f"hub of thread {threading.get_ident():#x}") for line in lines)
    leave.set()
    thread.join()
    event.set()
    waiting.join()
    pool.join()


def test_queries_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        host, port = silent.getsockname()
        hub = greenrt.get_hub()
        hub.resolver = resolvers.AresResolver(servers=[f"{host}:{port}"])
        asking = greenrt.spawn(hub.resolver.gethostbyname, "slow.example.")
        # The question arrives.
        silent.settimeout(20)
        silent.recv(1000)
        text = io.StringIO()
        inspect.dump(text)
        asking.kill()
        hub.resolver.close()
        del hub.resolver
    (line,) = [line for line in text.getvalue().splitlines() if line.startswith("    slow.example A, asked ")]
    assert line.endswith(f" s ago, of {host}:{port}")


def test_a_resolver_of_the_programs_own_is_not_called() -> None:
    class Resolver(resolvers.BlockResolver):
        def in_flight(self) -> object:
            raise ZeroDivisionError

    hub = greenrt.get_hub()
    hub.resolver = Resolver()
    assert "hub of thread" in dumped()
    del hub.resolver


def test_many_groups_are_counted() -> None:
    stack = tuple(Place("file.py", line, "function") for line in range(30))
    record = inspect.greenlets()[0]
    many = [
        GreenletGroup(
            dataclasses.replace(record, stack=stack, function=f"f{number}"), None, [record.name], [], size=1
        )
        for number in range(500)
    ]
    lines = report.as_text(dataclasses.replace(snapshot.take(grouped), greenlets=many)).splitlines()
    assert len(lines) < 200
    assert any(line.endswith(" groups; --json has each") for line in lines)
    assert "      ... 20 more frames ..." in lines


def test_no_finalizer_of_the_program_runs_meanwhile(event: greenrt.Event) -> None:
    ended = []
    seen = []

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            ended.append(self)

    def check() -> None:
        seen.append(len(ended))
        Cycle()

    for _ in range(10):
        greenrt.spawn(event.wait)
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        snapshot.take(grouped, check)
    finally:
        gc.set_threshold(*threshold)
    assert len(seen) > 10
    assert set(seen) == {0}
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        snapshot.take(grouped, lambda: 1 // 0)
    assert gc.isenabled()
    gc.collect()
    assert ended


def test_the_collector_goes_on_whoever_ends_last() -> None:
    inner_ended = threading.Event()

    def check() -> None:
        inner_ended.wait(20)

    thread = threading.Thread(target=snapshot.take, args=(grouped, check))
    thread.start()
    while gc.isenabled():
        time.sleep(0.001)
    snapshot.take(grouped)
    # The other thread still needs it.
    assert not gc.isenabled()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if gc.isenabled() else 1)
    inner_ended.set()
    thread.join()
    assert gc.isenabled()
    assert os.waitpid(pid, 0)[1] == 0


def test_a_fork_meanwhile() -> None:
    pid = collector.without_collections(os.fork)
    if pid == 0:
        rests = collector.without_collections(lambda: not gc.isenabled())
        os._exit(0 if rests and gc.isenabled() else 1)
    assert gc.isenabled()
    assert os.waitpid(pid, 0)[1] == 0


def test_an_interrupt_leaves_the_collector_on() -> None:
    """CPython runs signal handlers where a function begins and after calls of C functions."""

    def interrupted_at(number: int) -> bool:
        left = number

        def interrupt(frame: FrameType, event: str, _: object) -> None:
            nonlocal left
            if frame.f_code.co_filename == collector.__file__ and event in ("call", "c_return"):
                left -= 1
                if left < 0:
                    # From now on, CPython calls this function no more.
                    raise KeyboardInterrupt

        sys.setprofile(interrupt)
        try:
            collector.without_collections(int)
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(None)
        return False

    number = 0
    while interrupted_at(number):
        assert gc.isenabled(), number
        gc.disable()
        # The interrupted one has left nothing behind that would turn the collector on.
        collector.without_collections(int)
        assert not gc.isenabled(), number
        gc.enable()
        number += 1
    assert number > 10


@pytest.mark.parametrize("ends_within", [False, True])
def test_threads_that_change_at_any_moment_leave_the_collector_on(ends_within: bool) -> None:
    """CPython may let another thread run after each call of a C function."""
    me = threading.get_ident()

    def changed_at(number: int) -> bool:
        """Let another thread begin at this moment of this thread's work; it ends at once, or after that work."""
        left = number
        begun, may_end = threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            assert may_end.wait(20)
            rested.append(not gc.isenabled())

        thread = threading.Thread(target=collector.without_collections, args=(work,))

        def change(frame: FrameType, event: str, _: object) -> None:
            nonlocal left
            if frame.f_code.co_filename == collector.__file__ and event in ("call", "c_return"):
                left -= 1
                if left == -1:
                    assert threading.get_ident() == me
                    thread.start()
                    begun.wait()
                    if ends_within:
                        may_end.set()
                        thread.join()

        sys.setprofile(change)
        try:
            collector.without_collections(lambda: rested.append(not gc.isenabled()))
        finally:
            sys.setprofile(None)
        may_end.set()
        if left < 0:
            thread.join()
        return left < 0

    number = 0
    rested: list[bool] = []
    while changed_at(number):
        assert gc.isenabled(), number
        number += 1
    assert number > 10
    assert all(rested)


def test_greenlets_come_in_the_order_of_their_creation() -> None:
    """Also if the garbage collector has seen some of them, and not the others."""
    gate = greenrt.Event()
    made = []
    for _ in range(3):
        made += [greenrt.spawn(gate.wait) for _ in range(3)]
        gc.collect(len(made) // 3 % 2)
    greenrt.sleep(0)
    names = [greenlet.name for greenlet in made]
    assert [record.name for record in inspect.greenlets() if record.name in names] == names
    gate.set()
    greenrt.joinall(made)
