"""Greenlet: starting, results, links, killing, states, names."""

import contextvars
import functools
import gc
import io
import sys
import threading
import weakref
from collections.abc import Callable
from math import nan
from typing import Never

import pytest
from greenlet import greenlet as raw_greenlet

import greenrt
from greenrt import Greenlet, GreenletExit


def fail(text: str = "planned") -> Never:
    raise ZeroDivisionError(text)


# -- Starting


@pytest.mark.promised_order
def test_they_start_in_the_order_of_their_start() -> None:
    seen = []
    greenrt.joinall([greenrt.spawn(seen.append, n) for n in range(100)])
    assert seen == list(range(100))


def test_spawn_does_not_run_anything() -> None:
    seen = []
    greenlet = greenrt.spawn(seen.append, 1)
    assert seen == []
    assert greenlet.started
    assert greenlet
    greenlet.join()
    assert seen == [1]


@pytest.mark.parametrize(
    "spawn", [greenrt.spawn, greenrt.spawn_raw, Greenlet, lambda f: greenrt.spawn_later(1, f)]
)
def test_what_cannot_be_called_is_named(spawn: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="42"):
        spawn(42)


def test_without_a_function() -> None:
    """As in gevent, it runs `_run`, which a subclass defines or sets after the constructor, or does nothing."""

    class Late(Greenlet):
        def __init__(self, function: Callable[[], object]) -> None:
            super().__init__()
            self._run = function

    class Wrong(Greenlet):
        _run = 5

    for made in (Greenlet(), Greenlet(None), type("Bare", (Greenlet,), {})()):
        made.start()
        assert made.get() is None
    late = Late(lambda: "late")
    assert "lambda" in repr(late)
    late.start()
    assert late.get() == "late"
    with pytest.raises(TypeError, match=r"Wrong\._run must be callable, not 5"):
        Wrong()
    with pytest.raises(TypeError, match="spawn_later"):
        greenrt.spawn_later(1)


def test_arguments_and_result() -> None:
    greenlet = greenrt.spawn(lambda a, b, c=0: (a, b, c), 1, 2, c=3)
    assert greenlet.args == (1, 2)
    assert greenlet.kwargs == {"c": 3}
    assert greenlet.get() == (1, 2, 3)
    assert greenlet.value == (1, 2, 3)
    assert greenlet.args == ()
    assert greenlet.kwargs == {}


def test_a_subclass_that_defines_run() -> None:
    class Worker(Greenlet):
        def __init__(self, word: str) -> None:
            super().__init__()
            self.word = word

        def _run(self) -> str:
            return self.word * 2

    worker = Worker("ab")
    assert not worker.started
    worker.start()
    worker.start()
    assert worker.get() == "abab"
    assert Worker.spawn("x").get() == "xx"


def test_spawn_later() -> None:
    seen = []
    later = greenrt.spawn_later(0.02, seen.append, "later")
    greenrt.spawn_later(0, seen.append, "at once")
    greenrt.spawn_later(-5, seen.append, "at once")
    later.join()
    assert seen == ["at once", "at once", "later"]
    with pytest.raises(ValueError, match="nan"):
        greenrt.spawn_later(nan, print)


def test_spawn_later_killed_before() -> None:
    seen, ended = [], []
    later = greenrt.spawn_later(1000, seen.append, "never")
    later.rawlink(ended.append)
    later.kill()
    greenrt.sleep(0)
    assert seen == []
    assert ended == [later]


def test_spawn_raw() -> None:
    seen = []
    raw = greenrt.spawn_raw(lambda *a, **k: seen.append((a, k)), 1, b=2)
    assert isinstance(raw, raw_greenlet)
    assert raw.loop is greenrt.get_hub().loop
    greenrt.sleep(0)
    assert seen == [((1,), {"b": 2})]
    assert raw.dead


def test_spawn_callbacks() -> None:
    seen = []
    Greenlet.add_spawn_callback(seen.append)
    Greenlet.add_spawn_callback(seen.append)
    try:
        one = greenrt.spawn(int)
        two = greenrt.spawn_later(0, int)
    finally:
        Greenlet.remove_spawn_callback(seen.append)
    Greenlet.remove_spawn_callback(seen.append)
    greenrt.joinall([one, two, greenrt.spawn(int)])
    assert seen == [one, two]


def test_a_copy_of_the_spawners_context() -> None:
    variable = contextvars.ContextVar("variable", default="default")
    variable.set("spawner")
    seen = []

    def work() -> None:
        seen.append(variable.get())
        variable.set("child")
        greenrt.sleep(0)
        seen.append(variable.get())

    made = [greenrt.spawn(work), greenrt.spawn_later(0, work)]
    greenrt.spawn_raw(work)
    variable.set("changed later")
    greenrt.joinall(made)
    greenrt.sleep(0)
    assert seen.count("spawner") == 3
    assert seen.count("child") == 3
    assert variable.get() == "changed later"


# -- The end of a greenlet


def test_an_error_is_kept_and_raised_each_time(quiet: None) -> None:
    greenlet = greenrt.spawn(fail)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="planned") as caught:
            greenlet.get()
        assert caught.value is greenlet.exception
    assert greenlet.ready()
    assert not greenlet.successful()
    assert greenlet.value is None
    kind, value, traceback = greenlet.exc_info
    assert (kind, value) == (ZeroDivisionError, greenlet.exception)
    assert traceback.tb_frame.f_globals is not None
    greenlet.join()


def test_states() -> None:
    """`started` and the truth value are the same, as in gevent: true from `start` until the end."""
    seen = []

    def look() -> None:
        seen.append((greenlet.started, bool(greenlet), greenlet.ready(), greenlet.dead))
        greenrt.sleep(0.01)

    greenlet = Greenlet(look)
    assert (greenlet.started, bool(greenlet), greenlet.ready(), greenlet.dead) == (False, False, False, False)
    greenlet.start()
    assert (greenlet.started, bool(greenlet), greenlet.ready(), greenlet.dead) == (True, True, False, False)
    greenrt.sleep(0)
    assert (greenlet.started, bool(greenlet), greenlet.ready(), greenlet.dead) == (True, True, False, False)
    greenlet.join()
    assert seen == [(True, True, False, False)]
    assert (greenlet.started, bool(greenlet), greenlet.ready(), greenlet.dead) == (False, False, True, True)
    assert greenlet.successful()
    assert greenlet.exc_info is None
    for killed in (Greenlet(look), greenrt.spawn(look), greenrt.spawn_later(1, look)):
        killed.kill()
        assert (killed.started, bool(killed), killed.ready(), killed.dead) == (False, False, True, True)


def test_an_exit_counts_as_success() -> None:
    def leave() -> Never:
        raise GreenletExit("bye")

    greenlet = greenrt.spawn(leave)
    greenlet.join()
    assert greenlet.successful()
    assert greenlet.exception is None
    assert isinstance(greenlet.get(), GreenletExit)


def test_get_without_waiting() -> None:
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    with pytest.raises(greenrt.Timeout):
        greenlet.get(block=False)
    with pytest.raises(greenrt.Timeout):
        greenlet.get(timeout=0.001)
    greenlet.join(timeout=0.001)
    assert not greenlet.ready()
    greenlet.kill()


def test_a_greenlet_holds_neither_function_nor_arguments_after_its_end() -> None:
    class Thing:
        pass

    thing = Thing()
    alive = weakref.ref(thing)
    greenlet = greenrt.spawn(lambda thing: None, thing)
    greenlet.join()
    del thing
    gc.collect()
    assert alive() is None


def test_many_wait_for_one_end() -> None:
    greenlet = greenrt.spawn(lambda: greenrt.sleep(0.005) or "result")
    waiters = [greenrt.spawn(greenlet.get) for _ in range(50)]
    greenrt.joinall(waiters)
    assert {waiter.value for waiter in waiters} == {"result"}


def test_the_context_manager() -> None:
    with greenrt.spawn(lambda: greenrt.sleep(0.001) or 5) as greenlet:
        pass
    assert greenlet.value == 5
    with pytest.raises(LookupError, match="planned"), greenrt.spawn(greenrt.sleep, 1000) as greenlet:
        raise LookupError("planned")
    # The exception of the `with` block ended the greenlet.
    assert isinstance(greenlet.exception, LookupError)
    assert greenlet.exc_info[2] is not None
    with pytest.raises(LookupError, match="planned"), Greenlet(greenrt.sleep, 1000) as unstarted:
        raise LookupError("planned")
    assert isinstance(unstarted.exception, LookupError)
    with pytest.raises(greenrt.Timeout), greenrt.Timeout(0.01), greenrt.spawn(greenrt.sleep, 1000) as joined:
        # The timeout interrupts the wait at the end of the block.
        pass
    assert isinstance(joined.value, GreenletExit)


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("how", ["kill", "throw"])
def test_an_exc_info_can_be_thrown(started: bool, how: str) -> None:
    try:
        raise LookupError("planned")
    except LookupError:
        given = sys.exc_info()
    for thrown in (given, (LookupError, "text", None), (LookupError, None, None)):
        greenlet = greenrt.spawn(greenrt.sleep, 1000)
        if started:
            greenrt.sleep(0)
        if how == "kill":
            greenlet.kill(thrown)
        else:
            greenrt.get_hub().loop.run_callback(greenlet.throw, *thrown)
            greenlet.join()
        assert type(greenlet.exception) is LookupError
        assert thrown is not given or greenlet.exception is given[1]


# -- Links


def test_links_run_in_a_greenlet_of_their_own() -> None:
    seen = greenrt.AsyncResult()

    def linked(source: Greenlet) -> None:
        greenrt.sleep(0)
        seen.set(source)

    greenlet = greenrt.spawn(int)
    greenlet.link(linked)
    greenlet.join()
    assert seen.get(timeout=20) is greenlet


def test_rawlinks_run_in_the_hub_in_order() -> None:
    seen = []
    greenlet = greenrt.spawn(int)
    for number in range(5):
        greenlet.rawlink(lambda source, number=number: seen.append((number, greenrt.getcurrent())))
    greenlet.join()
    greenrt.sleep(0)
    assert seen == [(number, greenrt.get_hub()) for number in range(5)]
    greenlet.rawlink(lambda source: seen.append("late"))
    greenrt.sleep(0)
    assert seen[-1] == "late"


@pytest.mark.parametrize("good", [True, False])
def test_link_value_and_link_exception(quiet: None, good: bool) -> None:
    seen = []
    greenlet = greenrt.spawn(int if good else fail)
    greenlet.link_value(lambda source: seen.append(True))
    greenlet.link_exception(lambda source: seen.append(False))
    greenlet.join()
    greenrt.sleep(0)
    greenrt.sleep(0)
    assert seen == [good]


def test_unlink() -> None:
    seen = []

    def first(source: Greenlet) -> None:
        seen.append("first")

    def second(source: Greenlet) -> None:
        seen.append("second")

    greenlet = greenrt.spawn(int)
    assert not greenlet.has_links()
    greenlet.link(first)
    greenlet.rawlink(second)
    assert greenlet.has_links()
    greenlet.unlink(first)
    greenlet.unlink(first)
    greenlet.link(first)
    greenlet.unlink_all()
    greenlet.rawlink(second)
    greenlet.join()
    greenrt.sleep(0)
    greenrt.sleep(0)
    assert seen == ["second"]


def test_links_must_be_callable() -> None:
    greenlet = greenrt.spawn(int)
    with pytest.raises(TypeError, match="42"):
        greenlet.link(42)
    greenlet.join()


# -- Killing


def test_kill_of_a_parked_greenlet() -> None:
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    greenrt.sleep(0)
    greenlet.kill()
    assert greenlet.dead
    assert greenlet.successful()
    assert isinstance(greenlet.value, GreenletExit)
    greenlet.kill()


def test_kill_before_start_never_runs() -> None:
    seen, ended = [], []
    for greenlet in (greenrt.spawn(seen.append, 1), Greenlet(seen.append, 2)):
        greenlet.rawlink(ended.append)
        greenlet.kill()
        assert greenlet.dead
        assert isinstance(greenlet.value, GreenletExit)
    greenrt.sleep(0)
    assert seen == []
    assert len(ended) == 2


@pytest.mark.parametrize("error", [LookupError, LookupError("planned")])
def test_kill_with_an_error_of_ones_own(quiet: None, error: LookupError | type[LookupError]) -> None:
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    greenrt.sleep(0)
    greenlet.kill(error)
    assert isinstance(greenlet.exception, LookupError)
    assert not greenlet.successful()


def test_kill_takes_exceptions_only() -> None:
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    greenrt.sleep(0)
    with pytest.raises(TypeError, match="42"):
        greenlet.kill(42)
    greenlet.kill()


def test_kill_that_is_caught() -> None:
    def stubborn() -> None:
        try:
            greenrt.sleep(1000)
        except GreenletExit:
            greenrt.sleep(1000)

    greenlet = greenrt.spawn(stubborn)
    greenrt.sleep(0)
    greenlet.kill(timeout=0.001)
    assert not greenlet.ready()
    greenlet.kill(block=False)
    greenlet.join()
    assert greenlet.ready()


def test_kill_without_waiting() -> None:
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    greenrt.sleep(0)
    greenlet.kill(block=False)
    assert not greenlet.dead
    greenlet.join()
    assert greenlet.dead


def test_a_greenlet_may_kill_itself() -> None:
    seen = []

    def suicidal() -> None:
        greenrt.getcurrent().kill()
        seen.append("kill returned")
        greenrt.sleep(1000)
        seen.append("not reached")

    greenrt.spawn(suicidal).join()
    assert seen in (["kill returned"], [])


def test_what_was_woken_gets_what_it_was_woken_with() -> None:
    got = []

    def work() -> None:
        got.append(source.get())
        greenrt.sleep(1000)
        got.append("not reached")

    source = Greenlet(lambda: "handed over")
    greenlet = greenrt.spawn(work)
    greenrt.sleep(0)
    source.rawlink(lambda _: greenlet.kill(block=False))
    source.start()
    greenlet.join()
    assert got in (["handed over"], [])
    assert greenlet.dead


def test_throw() -> None:
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    greenlet.throw(LookupError("never ran"))
    assert isinstance(greenlet.exception, LookupError)


def test_kill_of_raw_greenlets() -> None:
    trail = []

    def work() -> None:
        try:
            greenrt.sleep(1000)
        finally:
            trail.append("unwound")

    parked, unstarted = greenrt.spawn_raw(work), None
    greenrt.sleep(0)
    unstarted = greenrt.spawn_raw(trail.append, "ran")
    greenrt.kill(parked)
    greenrt.kill(unstarted)
    greenrt.sleep(0.001)
    assert "unwound" in trail
    assert parked.dead
    assert unstarted.dead


def test_kill_of_the_main_greenlet() -> None:
    main = greenrt.getcurrent()
    greenrt.spawn(greenrt.kill, main, LookupError("for the main one"))
    with pytest.raises(LookupError, match="for the main one"):
        greenrt.sleep(1000)


def test_join_and_kill_from_a_thread_without_a_hub() -> None:
    greenlet = greenrt.spawn(greenrt.sleep, 1000)
    greenrt.sleep(0)
    seen = []

    def work() -> None:
        greenlet.join(timeout=0.01)
        seen.append(greenlet.ready())
        greenlet.kill()
        seen.append(greenlet.ready())

    thread = threading.Thread(target=work)
    thread.start()
    greenlet.join()
    thread.join()
    assert seen == [False, True]


# -- Names and reports


def test_names_and_numbers() -> None:
    one, two = greenrt.spawn(int), greenrt.spawn(int)
    assert one.minimal_ident != two.minimal_ident
    assert one.minimal_ident == one.minimal_ident
    assert one.name == f"Greenlet-{one.minimal_ident}"
    one.name = "worker"
    assert one.name == "worker"
    greenrt.joinall([one, two])


def test_repr() -> None:
    greenlet = greenrt.spawn(fail, 1, text="x" * 100)
    text = repr(greenlet)
    assert text.startswith(f'<Greenlet "Greenlet-{greenlet.minimal_ident}" at 0x')
    assert ": fail(1, text='xxx" in text
    assert "..." in text
    greenlet.kill()
    assert repr(greenlet).endswith(f"{id(greenlet):#x}: fail>")


def test_where_it_was_spawned() -> None:
    greenlets = [greenrt.spawn(int), greenrt.spawn_later(0, int), Greenlet.spawn(int), greenrt.spawn_raw(int)]
    for greenlet in greenlets:
        assert "test_greenlet.py" in greenlet.spawned_at
        assert "test_where_it_was_spawned" in greenlet.spawned_at
    greenrt.joinall(greenlets[:3])
    greenrt.sleep(0)


def test_it_is_generic() -> None:
    assert Greenlet[int].__origin__ is Greenlet


def test_a_raw_greenlet_that_is_killed_before_its_start_never_runs() -> None:
    ran: list[int] = []
    raw = greenrt.spawn_raw(ran.append, 1)
    greenrt.kill(raw)
    greenrt.sleep(0.01)
    assert ran == []
    assert raw.dead


class Unprintable:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error


class Failing(greenrt.Greenlet):
    def _run(self) -> Never:
        raise ZeroDivisionError


def _fail(*args: object, **kwargs: object) -> Never:
    raise ZeroDivisionError


class Service:
    def fail(self, number: int) -> Never:
        raise ZeroDivisionError


FAILURES = {
    "function": (lambda: greenrt.Greenlet(_fail, 1, "two", key=[3]), "_fail(1, 'two', key=[3])"),
    "no arguments": (lambda: greenrt.Greenlet(_fail), "_fail"),
    "method": (lambda: greenrt.Greenlet(Service().fail, 1), "<bound method Service.fail of "),
    "partial": (lambda: greenrt.Greenlet(functools.partial(_fail, 1)), "functools.partial("),
    "subclass": (Failing, "_run"),
    "long argument": (lambda: greenrt.Greenlet(_fail, "x" * 1000), f"_fail('{'x' * 46}...)"),
    "repr that raises": (
        lambda: greenrt.Greenlet(_fail, Unprintable(ValueError())),
        "_fail(<Unprintable object at ",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("how", ["run", "killed unstarted"])
def test_a_failure_names_the_call_also_after_the_end(
    hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch, failure: str, how: str
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(hub, "exception_stream", stream)
    make, call = FAILURES[failure]
    greenlet = make()
    greenlet.start()
    if how == "killed unstarted":
        greenlet.kill(ZeroDivisionError)
    greenlet.join()
    assert f'<{type(greenlet).__name__} "{greenlet.name}" at {id(greenlet):#x}: {call}' in stream.getvalue()
    assert call in repr(greenlet)
    assert greenlet.args == ()
    assert greenlet.kwargs == {}


def test_a_failure_keeps_no_argument(hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "exception_stream", None)
    service = Service()
    found = weakref.ref(service)
    # Kill the greenlet before its start, so that no traceback keeps the argument.
    greenlet = greenrt.spawn(_fail, service)
    del service
    greenlet.kill(ZeroDivisionError)
    assert "_fail(<" in repr(greenlet)
    assert found() is None


def test_a_repr_that_interrupts_does_not_keep_the_greenlet_from_ending(
    hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "exception_stream", io.StringIO())
    greenlet = greenrt.spawn(_fail, Unprintable(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        greenlet.join()
        greenrt.sleep(0.01)
    assert isinstance(greenlet.exception, ZeroDivisionError)
    assert "failed with ZeroDivisionError" in hub.exception_stream.getvalue()


class Nameless:
    @property
    def __name__(self) -> str:
        raise ValueError

    def __call__(self) -> Never:
        raise ZeroDivisionError


def test_a_function_whose_attributes_raise_does_not_keep_the_greenlet_from_ending(
    hub: greenrt.Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "exception_stream", io.StringIO())
    greenlet = greenrt.spawn(Nameless())
    with pytest.raises(ZeroDivisionError):
        greenlet.get()
    assert f'<Greenlet "{greenlet.name}" at {id(greenlet):#x}> failed' in hub.exception_stream.getvalue()


def test_a_success_names_the_function_after_the_end() -> None:
    def work(number: object) -> object:
        return number

    for function in (work, functools.partial(work), len):
        greenlet = greenrt.spawn(function, [1])
        greenlet.join()
        end = ": work>" if function is work else f"{id(greenlet):#x}>"
        assert repr(greenlet).endswith(end)
    killed = greenrt.spawn(work, 1)
    killed.kill()
    assert repr(killed).endswith(": work>")


@pytest.mark.parametrize(
    "call",
    [
        Greenlet.start,
        Greenlet.join,
        Greenlet.get,
        Greenlet.kill,
        Greenlet.switch,
        Greenlet.throw,
        lambda made: made.throw(ValueError),
        lambda made: made.loop,
        lambda made: made.get(block=False),
        lambda made: made.start_later(0.0),
        lambda made: greenrt.joinall([made]),
    ],
)
def test_a_subclass_that_does_not_call_the_constructor(call: Callable[[Greenlet], object]) -> None:
    class Forgets(Greenlet):
        def __init__(self) -> None:
            pass

    with pytest.raises(
        RuntimeError, match=r"is not made yet; Forgets must call super\(\).__init__\(\) first"
    ):
        call(Forgets())
