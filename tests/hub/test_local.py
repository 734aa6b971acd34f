"""local: an object whose attributes are separate in each greenlet."""

import copy
import gc
import threading
import weakref

import pytest
from greenlet import greenlet

import greenrt
from greenrt._hub.local import all_local_dicts_for_greenlet


class Thing:
    pass


def test_each_greenlet_has_its_own() -> None:
    data = greenrt.local()
    data.name = "main"

    def work(name: str) -> str:
        assert not hasattr(data, "name")
        data.name = name
        greenrt.sleep(0)
        assert data.__dict__ == {"name": name}
        return data.name

    assert [greenrt.spawn(work, name).get() for name in "abc"] == ["a", "b", "c"]
    assert data.name == "main"
    assert vars(data) == {"name": "main"}


def test_raw_greenlets_and_threads_too() -> None:
    data = greenrt.local()
    data.x = 1
    seen: list[bool] = []

    def look() -> None:
        seen.append(hasattr(data, "x"))
        data.x = 2
        seen.append(data.x == 2)

    greenlet(look).switch()
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [False, True, False, True]
    assert data.x == 1


def test_a_missing_attribute_is_named() -> None:
    data = greenrt.local()
    with pytest.raises(AttributeError, match="colour"):
        data.colour  # noqa: B018
    with pytest.raises(AttributeError, match="colour"):
        del data.colour
    data.colour = 1
    del data.colour
    assert not hasattr(data, "colour")


def test_dict_is_read_only() -> None:
    data = greenrt.local()
    with pytest.raises(AttributeError, match="read-only"):
        data.__dict__ = {}
    with pytest.raises(AttributeError, match="read-only"):
        del data.__dict__
    data.__dict__["x"] = 5
    assert data.x == 5


def test_names_that_are_no_strings() -> None:
    class EqualToAll:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    data = greenrt.local()
    # As in threading.local, the name is compared before its type is checked.
    with pytest.raises(AttributeError, match="read-only"):
        data.__setattr__(EqualToAll(), 1)
    with pytest.raises(AttributeError, match="read-only"):
        data.__delattr__(EqualToAll())
    for call in (
        lambda: data.__setattr__(1, 1),
        lambda: data.__delattr__(1),
        lambda: data.__getattribute__(1),
    ):
        with pytest.raises((TypeError, AttributeError)):
            call()
    assert data.__dict__ == {}


def test_init_runs_once_in_each_greenlet() -> None:
    calls: list[object] = []

    class Connection(greenrt.local):
        def __init__(self, host: str, port: int = 0) -> None:
            calls.append(greenrt.getcurrent())
            self.address = (host, port)

    data = Connection("a", port=1)
    assert data.address == ("a", 1)
    data.address = None
    assert len(calls) == 1

    def work() -> None:
        assert data.address == ("a", 1)
        data.address = 5
        assert data.address == 5

    greenrt.joinall([greenrt.spawn(work), greenrt.spawn(work)], raise_error=True)
    assert data.address is None
    assert len(set(map(id, calls))) == len(calls) == 3


def test_an_init_that_fails_is_tried_again() -> None:
    class Once(greenrt.local):
        fail = False

        def __init__(self) -> None:
            if Once.fail:
                raise ZeroDivisionError
            self.x = 1

    data = Once()

    def work() -> None:
        Once.fail = True
        with pytest.raises(ZeroDivisionError):
            data.x  # noqa: B018
        Once.fail = False
        assert data.x == 1

    greenrt.spawn(work).get()


def test_arguments_need_an_init() -> None:
    with pytest.raises(TypeError, match="local"):
        greenrt.local(1)
    with pytest.raises(TypeError):
        greenrt.local(x=1)

    class Sub(greenrt.local):
        pass

    with pytest.raises(TypeError, match="Sub"):
        Sub(1)


def test_slots_are_shared() -> None:
    class Slotted(greenrt.local):
        __slots__ = ("shared",)

    data = Slotted()
    data.shared = 1
    data.own = 2

    def work() -> None:
        assert data.shared == 1
        assert not hasattr(data, "own")
        data.shared = 3
        del data.shared
        data.shared = 4

    greenrt.spawn(work).get()
    assert data.shared == 4
    assert data.__dict__ == {"own": 2}


def test_what_the_class_defines() -> None:
    class Rich(greenrt.local):
        constant = 1
        shadowed = 2

        def __init__(self) -> None:
            self.x = 10

        @property
        def double(self) -> int:
            return self.x * 2

        @double.setter
        def double(self, value: int) -> None:
            self.x = value // 2

        @classmethod
        def kind(cls) -> type:
            return cls

        @staticmethod
        def static() -> str:
            return "static"

        def method(self) -> int:
            return self.x

        def __getattr__(self, name: str) -> str:
            if name.startswith("__"):
                raise AttributeError(name)
            return f"no {name}"

    data = Rich()
    data.double = 8
    assert data.x == data.method() == 4
    assert data.double == 8
    assert data.kind() is Rich
    assert data.static() == "static"
    data.shadowed = 5
    assert (data.constant, data.shadowed, Rich.shadowed) == (1, 5, 2)
    assert data.other == "no other"
    assert data.__class__ is Rich
    assert isinstance(data, greenrt.local)
    with pytest.raises(AttributeError):
        del data.double
    assert greenrt.spawn(data.method).get() == 10


def test_a_property_may_switch() -> None:
    class Slow(greenrt.local):
        def __init__(self) -> None:
            self.x = id(greenrt.getcurrent())

        @property
        def slow(self) -> int:
            greenrt.sleep(0)
            return self.x

    data = Slow()

    def work() -> bool:
        return data.slow == id(greenrt.getcurrent())

    workers = [greenrt.spawn(work) for _ in range(5)]
    greenrt.joinall(workers)
    assert all(worker.value for worker in workers)


def test_ends_with_the_greenlet() -> None:
    data = greenrt.local()
    there = []
    go = greenrt.Event()

    def work() -> None:
        data.thing = Thing()
        there.append(weakref.ref(data.thing))
        go.wait()

    worker = greenrt.spawn(work)
    while not there:
        greenrt.sleep(0.001)
    assert there[0]() is not None
    go.set()
    worker.join()
    # The test still holds the handle of the greenlet.
    assert there[0]() is None


def test_ends_with_a_raw_greenlet() -> None:
    data = greenrt.local()
    there = []

    def work() -> None:
        data.thing = Thing()
        there.append(weakref.ref(data.thing))

    raw = greenlet(work)
    raw.switch()
    del raw
    gc.collect()
    assert there[0]() is None


def test_ends_with_a_thread() -> None:
    data = greenrt.local()
    there = []

    def work() -> None:
        data.thing = Thing()
        there.append(weakref.ref(data.thing))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    for _ in range(1000):
        if there[0]() is None:
            break
        greenrt.sleep(0.001)
    assert there[0]() is None


def test_ends_with_the_object() -> None:
    data = greenrt.local()
    go = greenrt.Event()
    there = []

    def work() -> None:
        data.thing = Thing()
        there.append(weakref.ref(data.thing))
        go.wait()

    workers = [greenrt.spawn(work) for _ in range(3)]
    greenrt.sleep(0)
    data.thing = Thing()
    there.append(weakref.ref(data.thing))
    before = len(greenrt.getcurrent().__dict__)
    itself = weakref.ref(data)
    # The greenlets' frames refer to the object until the greenlets end.
    data = None
    go.set()
    greenrt.joinall(workers)
    del workers
    gc.collect()
    assert itself() is None
    assert [reference() for reference in there] == [None] * 4
    assert len(greenrt.getcurrent().__dict__) == before


def test_data_that_refers_to_its_object_is_collected() -> None:
    stop = greenrt.Event()
    there = []

    def work() -> None:
        thing = Thing()
        thing.data = greenrt.local()
        thing.data.back = thing
        there.append(weakref.ref(thing))
        del thing
        stop.wait()

    work_in_thread = threading.Thread(target=work)
    workers = [greenrt.spawn(work) for _ in range(3)]
    work_in_thread.start()
    while len(there) < 4:
        greenrt.sleep(0.001)
    gc.collect()
    # The greenlets and the thread are still alive.
    assert [reference() for reference in there] == [None] * 4
    stop.set()
    greenrt.joinall(workers)
    work_in_thread.join()


def test_an_object_that_dies_leaves_nothing_in_greenlets_that_live() -> None:
    stop = greenrt.Event()
    sizes = []

    def work() -> None:
        for _ in range(100):
            data = greenrt.local()
            data.x = 1
            del data
        sizes.append(len(all_local_dicts_for_greenlet(greenrt.getcurrent())))
        stop.wait()

    worker = greenrt.spawn(work)
    greenrt.sleep(0)
    stop.set()
    worker.join()
    assert sizes == [0]


def test_many_greenlets_leave_nothing_in_the_object() -> None:
    data = greenrt.local()

    def work() -> None:
        data.x = 1

    for _ in range(20):
        greenrt.joinall([greenrt.spawn(work) for _ in range(100)])
    gc.collect()
    # The object keeps only a few weak references to greenlets that have ended.
    references = [thing for thing in gc.get_objects() if type(thing) is list and thing and len(thing) > 200]
    assert not any(all(isinstance(item, weakref.ref) for item in found) for found in references)


def test_copy() -> None:
    class Sub(greenrt.local):
        def __init__(self, x: int) -> None:
            self.x = x

    data = Sub(1)
    data.x = 2
    data.things = []
    twin = copy.copy(data)
    assert twin.__dict__ == {"x": 2, "things": []}
    assert twin.things is data.things
    twin.x = 3
    assert data.x == 2
    assert greenrt.spawn(lambda: twin.x).get() == 1


def test_all_local_dicts() -> None:
    first, second = greenrt.local(), greenrt.local()
    first.x, second.y = 1, 2

    def work() -> None:
        first.x = 3
        found = all_local_dicts_for_greenlet(greenrt.getcurrent())
        assert found == [((greenrt.local, id(first)), {"x": 3})]

    greenrt.spawn(work).get()
    found = dict(all_local_dicts_for_greenlet(greenrt.getcurrent()))
    assert found[greenrt.local, id(second)] == {"y": 2}


def test_weak_reference_and_repr() -> None:
    data = greenrt.local()
    assert weakref.ref(data)() is data
    assert "local" in repr(data)
