"""What `nomemory.py` runs: `act` has no memory at some point, `check` has, and tells whether anything was lost.

The first part never switches greenlets while memory fails, which greenlet does not survive; the second part does.
"""

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import greenlet

import greenrt
from greenrt._loop.finalizer import Finalizer
from greenrt._loop.loop import Loop

__all__ = ["SCENARIOS", "SWITCHING", "break_finalizers"]

# How many of each thing a scenario uses.
MANY = 5


class Scenario:
    """Something to do without memory. MemoryError is a fair end; things half done are not."""

    def act(self) -> None:
        """Do it."""
        raise NotImplementedError

    def check(self, failed: bool) -> None:
        """Raise unless what was done is done, and what `failed` can be done again."""

    def close(self) -> None:
        """Give back what is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


class OfLoop(Scenario):
    """With a loop of its own, without a hub. Callbacks count, in bytes made before; reported errors too."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.loop.error_handler = self.note
        self.errors = [0]
        self.ran = bytearray(MANY)
        # What `act` has got to.
        self.done = bytearray(MANY)
        self.calls: list[Callable[..., None]] = [self._caller(index) for index in range(MANY)]

    def _caller(self, index: int) -> Callable[..., None]:
        ran = self.ran

        def call(*_: Any) -> None:
            ran[index] += 1

        return call

    def note(self, *_: Any) -> None:
        self.errors[0] += 1

    def settle(self) -> None:
        """Run all that is left to run, with memory."""
        for _ in range(MANY * 4):
            self.loop.run(nowait=True)

    def expect(self, due: Any, most: int = 1) -> None:
        """Each of `due` ran, but for those whose call was reported to fail; none more than `most` times."""
        self.settle()
        assert max(self.ran) <= most, self.ran
        missing = [index for index in due if not self.ran[index]]
        assert len(missing) <= self.errors[0] + self.raised, (missing, self.ran, self.errors, self.raised)

    # How many errors came out of `act` itself.
    raised = 0

    def close(self) -> None:
        self.loop.close()


class Draining(OfLoop):
    """A turn that takes in posts."""

    def __init__(self) -> None:
        super().__init__()
        for call in self.calls:
            self.loop.run_callback_threadsafe(call)

    def act(self) -> None:
        self.loop.run(nowait=True)

    def check(self, failed: bool) -> None:
        self.raised = failed
        self.expect(range(MANY))


class Flooding(OfLoop):
    """A turn takes in more posts than the run queue has room for."""

    POSTS = 300

    def __init__(self) -> None:
        super().__init__()
        self.total = [0]
        for _ in range(self.POSTS):
            self.loop.run_callback_threadsafe(self.add)

    def add(self) -> None:
        self.total[0] += 1

    def act(self) -> None:
        self.loop.collect_posts()

    def check(self, failed: bool) -> None:
        self.settle()
        assert self.total == [self.POSTS]


class Calling(OfLoop):
    """Callbacks that are queued by the loop's own thread, and stopped."""

    def act(self) -> None:
        for index, call in enumerate(self.calls):
            handle = self.loop.run_callback(call)
            self.done[index] = 1
            if index == 1:
                handle.stop()
                self.done[index] = 0

    def check(self, failed: bool) -> None:
        self.settle()
        assert [bool(count) for count in self.ran] == [bool(done) for done in self.done]


class Finalizing(OfLoop):
    """Finalizers of active watchers are queued while there is memory, and run in want of it."""

    def __init__(self) -> None:
        super().__init__()
        self.timers = [self.loop.timer(1000) for _ in range(MANY)]
        # Has room for more: the finalizers themselves need no memory.
        self.seen: list[Any] = [None] * 32
        del self.seen[16:]
        for timer in self.timers:
            timer.start(int)
            timer.finalize(self.seen.append)

    def act(self) -> None:
        self.loop.run(nowait=True)

    def check(self, failed: bool) -> None:
        self.settle()
        assert sorted(map(id, self.seen[16:])) == sorted(map(id, self.timers)), self.seen
        assert not any(timer.active for timer in self.timers)


class Feeding(OfLoop):
    """Hooks, an async watcher, and watchers that are fed."""

    def __init__(self) -> None:
        super().__init__()
        self.watchers = [self.loop.prepare(), self.loop.check(), self.loop.async_(), self.loop.timer(1000)]
        for index, watcher in enumerate(self.watchers):
            watcher.start(self.calls[index])

    def act(self) -> None:
        self.watchers[2].send()
        self.watchers[3].feed(1)
        self.loop.run(nowait=True)

    def check(self, failed: bool) -> None:
        self.watchers[2].send()
        self.watchers[3].feed(1)
        self.settle()
        assert all(self.ran[:4]) or self.errors[0]


class Waking(Scenario):
    """With greenlets that are parked; they are resumed once there is memory."""

    def __init__(self) -> None:
        self.resumed = [0]
        self.waiting = [greenrt.spawn(self.wait) for _ in range(MANY)]
        greenrt.sleep(0)

    def wait(self) -> None:
        raise NotImplementedError

    def repeat(self) -> None:
        """What a caller does who got a MemoryError."""

    def check(self, failed: bool) -> None:
        if failed:
            self.repeat()
        greenrt.joinall(self.waiting, timeout=10)
        assert all(waiting.dead for waiting in self.waiting), self.waiting


class Linked(Waking):
    """With a link besides, which is to be called once."""

    def __init__(self, source: Any) -> None:
        self.linked = [0]
        source.rawlink(self.link)
        super().__init__()

    def link(self, source: Any) -> None:
        self.linked[0] += 1

    def check(self, failed: bool) -> None:
        super().check(failed)
        greenrt.sleep(0)
        assert self.linked == [1]


class Events(Linked):
    """An event is set, which has links and waiters."""

    def __init__(self) -> None:
        self.event = greenrt.Event()
        super().__init__(self.event)

    def wait(self) -> None:
        self.event.wait()

    def act(self) -> None:
        self.event.set()

    def repeat(self) -> None:
        self.event.set()


class Ends(Linked):
    """A greenlet that has not run is killed: it ends at once, and has joiners and links."""

    def __init__(self) -> None:
        self.target = greenrt.Greenlet(int)
        super().__init__(self.target)

    def wait(self) -> None:
        self.target.join()

    def act(self) -> None:
        self.target.kill(block=False)

    def repeat(self) -> None:
        self.target.kill(block=False)


class Gathering(Ends):
    """The same, and who waits for it does so by joinall, and twice."""

    def wait(self) -> None:
        # Instead of which one has ended, they may hear that there was no memory to note it.
        with contextlib.suppress(MemoryError):
            assert greenrt.joinall([self.target, self.target]) == [self.target, self.target]


class Elsewhere(Scenario):
    """An event is set that greenlets of another thread wait for, more than a block of posts has room for."""

    WAITERS = 200

    def __init__(self) -> None:
        self.event = greenrt.Event()
        self.resumed = [0]
        waiting = threading.Event()
        # While it is held, the other thread does nothing that would need memory.
        self.memory = threading.Lock()
        self.memory.acquire()

        def wait() -> None:
            self.event.wait()
            self.resumed[0] += 1

        def run() -> None:
            waiters = [greenrt.spawn(wait) for _ in range(self.WAITERS)]
            greenrt.sleep(0)
            waiting.set()
            with self.memory:
                pass
            greenrt.joinall(waiters, timeout=10)

        self.thread = threading.Thread(target=run)
        self.thread.start()
        waiting.wait()

    def act(self) -> None:
        self.event.set()

    def check(self, failed: bool) -> None:
        if failed:
            self.event.set()
        self.memory.release()
        self.thread.join()
        assert self.resumed == [self.WAITERS]


class Semaphores(Scenario):
    """Permits are taken and given back without waiting: none is lost, none is there twice."""

    def __init__(self) -> None:
        self.semaphore = greenrt.Semaphore(MANY)
        self.held = bytearray(1)

    def act(self) -> None:
        for _ in range(MANY):
            if self.semaphore.acquire(blocking=False):
                self.held[0] += 1
        for _ in range(2):
            self.semaphore.release()
            self.held[0] -= 1

    def check(self, failed: bool) -> None:
        assert self.semaphore.counter + self.held[0] == MANY
        for _ in range(self.semaphore.counter):
            assert self.semaphore.acquire(timeout=10)


class Queues(Scenario):
    """Items go through a queue without waiting: none is lost, none comes twice."""

    def __init__(self) -> None:
        self.queue = greenrt.Queue()
        self.put = bytearray(1)
        self.got = bytearray(1)

    def act(self) -> None:
        for number in range(MANY * 10):
            self.queue.put_nowait(number)
            self.put[0] += 1
        for _ in range(MANY):
            self.queue.get_nowait()
            self.got[0] += 1

    def check(self, failed: bool) -> None:
        assert self.queue.qsize() + self.got[0] == self.put[0]
        assert [self.queue.get(timeout=10) for _ in range(self.queue.qsize())] == [
            *range(self.got[0], self.put[0])
        ]


class Steps(Scenario):
    """A function that switches, and is its own check."""

    function: Callable[[], None]

    def act(self) -> None:
        type(self).function()


def greenlets_alone() -> None:
    """Nothing of greenrt: what greenlet itself does without memory."""
    main = greenlet.getcurrent()

    def work() -> None:
        for number in range(3):
            main.switch(str(number) * 2)

    for _ in range(2):
        working = greenlet.greenlet(work)
        while not working.dead:
            working.switch()


def kill() -> None:
    sleeping = greenrt.spawn(greenrt.sleep, 100)
    greenrt.sleep(0)
    sleeping.kill(timeout=10)


SWITCHING = {function.__name__: function for function in (greenlets_alone, kill)}

SCENARIOS: dict[str, Callable[[], Scenario]] = {
    **{
        scenario.__name__: scenario
        for scenario in (
            Draining,
            Flooding,
            Calling,
            Finalizing,
            Feeding,
            Events,
            Ends,
            Gathering,
            Elsewhere,
            Semaphores,
            Queues,
        )
    },
    **{
        name: type(name, (Steps,), {"function": staticmethod(function)})
        for name, function in SWITCHING.items()
    },
}


def break_finalizers() -> None:
    """Have finalizers be what they must not be: gone when the memory fails before their call."""

    def run(self: Any) -> None:
        for watcher in self._watchers:
            watcher._quiesce()
        if self.may_run() and self.claim():
            self._fn(self._subject)

    Finalizer.run = run  # type: ignore[method-assign]
