"""Each blocking primitive, interrupted at each of its waits: no greenlet is stuck, no item is lost or doubled.

Each scenario runs many times. In the n-th run, the test throws an error into one of the greenlets after n turns of
the run queue. The test is itself in the run queue after each of its turns, and no greenlet runs twice meanwhile. So
the runs meet every state between two steps of the victim, including the state between its wake and its resumption.
"""

from collections.abc import Callable
from typing import Any

import greenlet
import pytest

import greenrt
from greenrt._hub.greenlet import throw_soon
from greenrt._hub.park import new_park
from greenrt.sync.queue import Empty

pytestmark = pytest.mark.usefixtures("quiet")

Body = Callable[[], None]

# Any scenario takes fewer turns without an interruption, and each greenlet that is not stuck ends within them.
LONG = 200
ERRORS = [greenrt.GreenletExit, greenrt.Timeout, KeyboardInterrupt]


class Scenario:
    """Some greenlets that use one primitive. The workers end; the servants serve them as long as necessary."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self.thing = make()
        self.interrupted = 0

    def workers(self) -> list[Body]:
        raise NotImplementedError

    def servants(self) -> list[Body]:
        return []

    def check(self, serving: int) -> None:
        """Check the state when all workers have ended and `serving` servants wait."""

    def run(self, turns: int, victim: int, error: type[BaseException]) -> bool:
        """Run the scenario, and throw `error` into the greenlet with number `victim` after `turns` turns.

        Return False if that greenlet had already ended.
        """
        workers = self.workers()
        everyone = self._spawn(workers + self.servants())
        try:
            for _ in range(turns):
                greenrt.sleep(0)
            target = everyone[victim]
            alive = not target.dead
            if alive:
                throw_soon(target, error())
            self._conclude(everyone, len(workers))
        finally:
            greenrt.killall(everyone)
        return alive

    def run_in_main(self, switch: int, victim: int, error: type[BaseException]) -> bool:
        """Run the scenario with worker `victim` in the main greenlet; throw `error` into it at switch `switch`.

        Return False if the run has fewer switches.
        """
        bodies = self.workers()
        body = bodies.pop(victim)
        others = self._spawn(bodies + self.servants())
        main = greenlet.getcurrent()
        switches = 0

        def trace(event: str, args: Any) -> None:
            nonlocal switches
            switches += 1
            if switches == switch:
                throw_soon(main, error())

        before = greenlet.settrace(trace)
        try:
            self._guarded(body)()
        finally:
            greenlet.settrace(before)
        try:
            self._conclude(others, len(bodies))
        finally:
            greenrt.killall(others)
        return switches >= switch

    def _spawn(self, bodies: list[Body]) -> list[greenrt.Greenlet]:
        # Start the servants first, so that a servant already waits for the workers' operations.
        spawned = [greenrt.spawn(self._guarded(body)) for body in reversed(bodies)]
        return spawned[::-1]

    def _conclude(self, everyone: list[greenrt.Greenlet], workers: int) -> None:
        turn = self._guarded(lambda: greenrt.sleep(0))
        for _ in range(LONG):
            # An error that was too late for a worker in the main greenlet is raised here.
            turn()
        stuck = [worker for worker in everyone[:workers] if not worker.dead]
        assert not stuck, f"stuck: {stuck}"
        for one in everyone:
            assert one.exception is None, repr(one.exception)
        self.check(sum(not servant.dead for servant in everyone[workers:]))

    def _guarded(self, body: Body) -> Body:
        def run() -> None:
            try:
                body()
            except (greenrt.GreenletExit, greenrt.Timeout, KeyboardInterrupt):
                self.interrupted += 1

        return run


def campaign(scenario: type[Scenario], make: Callable[..., Any]) -> int:
    """Interrupt each greenlet of a scenario at each of its steps with each error; return how many times."""
    count = 0
    for victim in range(len(scenario(make).workers()) + len(scenario(make).servants())):
        # After one turn all greenlets have started.
        turns = 1
        while True:
            hits = [scenario(make).run(turns, victim, error) for error in ERRORS]
            count += sum(hits)
            # A servant does not end by itself.
            if not any(hits) or turns > 30:
                break
            turns += 1
    return count


def campaign_in_main(scenario: type[Scenario], make: Callable[..., Any]) -> int:
    """Interrupt the main greenlet at each of its switches with each error; return how many times."""
    count = 0
    for victim in range(len(scenario(make).workers())):
        switch = 1
        while hits := sum(scenario(make).run_in_main(switch, victim, error) for error in ERRORS):
            count += hits
            switch += 1
    return count


class Exclusion(Scenario):
    """Mutual exclusion with locks and semaphores."""

    inside = 0

    def workers(self) -> list[Body]:
        return [self.work, self.work, self.try_it]

    def work(self) -> None:
        for _ in range(2):
            with self.thing:
                self.stay()

    def stay(self) -> None:
        self.inside += 1
        assert self.inside == 1
        try:
            greenrt.sleep(0)
        finally:
            self.inside -= 1

    def try_it(self) -> None:
        for _ in range(3):
            if self.thing.acquire(False):
                self.thing.release()
            greenrt.sleep(0)

    def check(self, serving: int) -> None:
        assert self.inside == 0
        assert self.thing.acquire(False)
        self.thing.release()


class Reentrance(Exclusion):
    """An RLock that each worker takes twice."""

    def work(self) -> None:
        for _ in range(2):
            with self.thing, self.thing:
                self.stay()


class Notification(Scenario):
    """A queue made of a Condition: each item that is put is taken, and each holder of the lock releases it."""

    def __init__(self, make: Callable[..., Any]) -> None:
        super().__init__(make)
        self.items: list[int] = []
        self.put: list[int] = []
        self.taken: list[int] = []

    def workers(self) -> list[Body]:
        return [lambda: self.fill(0), lambda: self.fill(10)]

    def servants(self) -> list[Body]:
        return [self.take, self.take]

    def take(self) -> None:
        while True:
            with self.thing:
                while not self.items:
                    self.thing.wait()
                self.taken.append(self.items.pop())

    def fill(self, first: int) -> None:
        for item in range(first, first + 2):
            with self.thing:
                self.items.append(item)
                self.put.append(item)
                self.thing.notify()
                greenrt.sleep(0)

    def check(self, serving: int) -> None:
        assert sorted(self.taken + self.items) == sorted(self.put)
        assert serving == 0 or not self.items
        assert self.thing.acquire(False)
        self.thing.release()
        assert f"waiting={serving}" in repr(self.thing)


class Flag(Scenario):
    """An Event or an AsyncResult that is set once."""

    seen = 0

    def workers(self) -> list[Body]:
        return [self.wait, self.wait, self.set]

    def wait(self) -> None:
        self.thing.wait()
        self.seen += 1
        greenrt.sleep(0)
        self.thing.wait()

    def set(self) -> None:
        try:
            greenrt.sleep(0)
            greenrt.sleep(0)
        finally:
            self.thing.set()

    def check(self, serving: int) -> None:
        if not self.thing.ready():
            # Killed before it started.
            assert self.seen == 0
            return
        assert self.seen + self.interrupted >= 2


class Transfer(Scenario):
    """Items from putters to getters: each item that was put arrives once, or is still in the queue."""

    def __init__(self, make: Callable[..., Any]) -> None:
        super().__init__(make)
        self.put: list[int] = []
        self.got: list[int] = []

    def workers(self) -> list[Body]:
        return [lambda: self.fill(0), lambda: self.fill(10)]

    def servants(self) -> list[Body]:
        return [self.take, self.take]

    def fill(self, first: int) -> None:
        for item in range(first, first + 3):
            self.thing.put(item)
            self.put.append(item)

    def take(self) -> None:
        while True:
            self.got.append(self.thing.get())

    def check(self, serving: int) -> None:
        left = []
        try:
            while True:
                left.append(self.thing.get_nowait())
        except Empty:
            pass
        assert sorted(self.got + left) == sorted(self.put)
        assert serving == 0 or not left
        assert len(self.thing.getters) == serving
        assert not len(self.thing.putters)


class Tasks(Scenario):
    """Queue.join, with consumers that report finished items."""

    def workers(self) -> list[Body]:
        for item in range(4):
            self.thing.put(item)
        return [self.thing.join, self.thing.join]

    def servants(self) -> list[Body]:
        return [self.consume, self.consume]

    def consume(self) -> None:
        while True:
            self.thing.get()
            try:
                greenrt.sleep(0)
            finally:
                self.thing.task_done()

    def check(self, serving: int) -> None:
        assert self.thing.unfinished_tasks == 0 or self.interrupted


CAMPAIGNS = [
    (Exclusion, greenrt.Semaphore),
    (Exclusion, greenrt.BoundedSemaphore),
    (Exclusion, greenrt.Lock),
    (Exclusion, greenrt.RLock),
    (Reentrance, greenrt.RLock),
    (Notification, greenrt.Condition),
    (Notification, lambda: greenrt.Condition(greenrt.Lock())),
    (Flag, greenrt.Event),
    (Flag, greenrt.AsyncResult),
    (Transfer, greenrt.SimpleQueue),
    (Transfer, lambda: greenrt.Queue(1)),
    (Transfer, lambda: greenrt.LifoQueue(2)),
    (Transfer, lambda: greenrt.PriorityQueue(1)),
    (Transfer, greenrt.Channel),
    (Tasks, greenrt.Queue),
]


@pytest.mark.parametrize(("scenario", "make"), CAMPAIGNS)
def test_interrupted_everywhere(scenario: type[Scenario], make: Callable[..., Any]) -> None:
    assert campaign(scenario, make) > 10


# A SimpleQueue's putters never wait.
@pytest.mark.parametrize(
    ("scenario", "make"), [pair for pair in CAMPAIGNS if pair[1] is not greenrt.SimpleQueue]
)
def test_main_greenlet_interrupted_everywhere(scenario: type[Scenario], make: Callable[..., Any]) -> None:
    assert campaign_in_main(scenario, make) > 10


# -- Errors that the campaigns must detect


class Forgetful:
    """A semaphore that does not check whether the waiter that it wakes is still waiting."""

    def __init__(self) -> None:
        self.counter = 1
        self.waiting: list[Any] = []

    def acquire(self, blocking: bool = True) -> bool:
        if self.counter:
            self.counter -= 1
            return True
        if blocking:
            park = new_park(self)
            self.waiting.append(park)
            park.wait()
        return blocking

    def release(self) -> None:
        if self.waiting:
            self.waiting.pop(0).wake(True)
        else:
            self.counter += 1

    __enter__ = acquire

    def __exit__(self, *exc_info: object) -> None:
        self.release()


class Thief(Forgetful):
    """A semaphore whose interrupted waiters release a permit, even if they were given none."""

    def acquire(self, blocking: bool = True) -> bool:
        try:
            return super().acquire(blocking)
        except BaseException:
            self.release()
            raise


class Hasty(greenrt.Condition):
    """A condition that can be interrupted while it takes the lock back."""

    def _acquire_restore(self, state: Any) -> None:
        self._lock.acquire()


class Undecided:
    """A queue whose items go to the first getter that runs, not to the getter that was woken up for them."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.getters: list[Any] = []
        self.putters: list[Any] = []

    def put(self, item: int) -> None:
        self.items.append(item)
        if self.getters:
            self.getters.pop(0).wake(True)
        greenrt.sleep(0)

    def get(self) -> int:
        while not self.items:
            park = new_park(self)
            self.getters.append(park)
            park.wait()
        return self.items.pop(0)

    def get_nowait(self) -> int:
        if not self.items:
            raise Empty
        return self.items.pop(0)


@pytest.mark.parametrize(
    ("scenario", "make"),
    [
        (Exclusion, Forgetful),
        (Exclusion, Thief),
        (Notification, lambda: Hasty(greenrt.Lock())),
        (Transfer, Undecided),
    ],
)
def test_what_is_broken_is_caught(scenario: type[Scenario], make: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError):
        campaign(scenario, make)


@pytest.mark.parametrize("make", [Forgetful, Thief])
def test_what_is_broken_is_caught_in_main(make: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError):
        campaign_in_main(Exclusion, make)
