"""A Celery worker pool: ``celery -A app worker -P custom -c 100``, with an environment variable that names it.

The variable is ``CELERY_CUSTOM_WORKER_POOL=greenrt.adapters.celery:TaskPool``. Each task runs in a greenlet; ``-c``
is the number of concurrent tasks in one process. Importing this module patches the standard library: with ``-P
custom`` on the command line, Celery imports it before the application. Rate limits, ETAs and remote control work as
with Celery's own pools of greenlets. A task that computes without waiting delays all other tasks, and the ends of
their time limits.
"""

from collections.abc import Callable
from time import monotonic

from billiard.einfo import ExceptionInfo
from celery.backends.asynchronous import greenletDrainer, register_drainer
from celery.concurrency.base import BasePool
from celery.exceptions import SoftTimeLimitExceeded, WorkerLostError
from kombu.asynchronous import timer
from kombu.utils import compat

from greenrt._hub.greenlet import Greenlet
from greenrt._hub.raw_greenlet import spawn_raw
from greenrt._hub.timeout import Timeout
from greenrt._hub.wait_many import killall
from greenrt._typing import Any
from greenrt.monkey import patch_all
from greenrt.sync.event import Event

__all__ = ["TaskPool", "Timer"]

ENVIRONMENT = "greenrt"


@register_drainer(ENVIRONMENT)
class Drainer(greenletDrainer):  # type: ignore[misc]
    """Read the results that tasks wait for, in one greenlet for all tasks."""

    def spawn(self, function: Callable[[], object]) -> Greenlet:
        """Start the greenlet that reads, and return it."""
        return Greenlet.spawn(function)

    def _event(self) -> Event:
        return Event()


class Timer(timer.Timer):  # type: ignore[misc]
    """Call each due entry in a greenlet of its own, so that an entry that waits does not delay the next."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: dict[Any, Greenlet] = {}

    def _enter(self, eta: float, priority: int, entry: Any, **_: Any) -> Any:
        key = _Scheduled(timer.scheduled(eta, priority, entry))
        self._waiting[key] = Greenlet.spawn_later(max(0.0, eta - monotonic()), self._fire, key)
        return entry

    def _fire(self, key: "_Scheduled") -> None:
        self._waiting.pop(key, None)
        if not key.item.entry.canceled:
            self.apply_entry(key.item.entry)

    def clear(self) -> None:
        """Drop all entries that are not due yet."""
        waiting, self._waiting = self._waiting, {}
        killall(list(waiting.values()), block=False)

    def stop(self) -> None:
        """Drop all entries; Celery calls this at the end of the worker."""
        self.clear()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def queue(self) -> list[Any]:
        """Return the entries that are not due yet, the next one first, as tuples of eta, priority and entry."""
        return sorted(key.item for key in self._waiting if not key.item.entry.canceled)


class _Scheduled:
    """One item of the timer. It equals no other item, because a periodic entry enters repeatedly."""

    __slots__ = ("item",)

    def __init__(self, item: Any) -> None:
        self.item = item


class Job(Greenlet):
    """A task that runs, or waits for its first turn. Celery's `on_…` callbacks report its end."""

    def __init__(self, target: Any, args: Any, kwargs: Any, callbacks: dict[str, Any]) -> None:
        super().__init__(self._run_task, target, args, kwargs, callbacks)
        self.number: int = id(self)
        self._terminated = False
        self._in_task = False

    def terminate(self, signal: int | None = None) -> None:
        """Do nothing: Celery calls this after `TaskPool.terminate_job`, and before the task is accepted."""

    def stop_task(self) -> None:
        """Raise GreenletExit in the task without reporting its end to Celery: the caller has done so."""
        self._terminated = True
        # The callbacks must not be interrupted: an incomplete acknowledgement breaks the connection.
        if self._in_task:
            self.kill(block=False)

    def _run_task(self, target: Any, args: Any, kwargs: Any, callbacks: dict[str, Any]) -> None:
        accepted = callbacks["accept_callback"]
        if accepted:
            accepted(self.number, monotonic())
        if self._terminated:
            return
        hard, soft = Timeout(callbacks["timeout"]), callbacks["soft_timeout"]
        notice = Greenlet.spawn_later(soft, callbacks["timeout_callback"], True, soft) if soft else None
        result: Any
        try:
            self._in_task = True
            with hard, Timeout(soft, SoftTimeLimitExceeded(soft)):
                result = target(*args, **kwargs)
        except BaseException as error:
            self._in_task = False
            if error is hard:
                callbacks["timeout_callback"](False, hard.seconds)
            elif not self._terminated:
                callbacks["error_callback"](_lost(error))
        else:
            self._in_task = False
            if not self._terminated:
                callbacks["callback"](result)
        finally:
            if notice is not None:
                notice.kill(block=False)


def _lost(error: BaseException) -> ExceptionInfo:
    # Celery's tracing catches every Exception, so an exception that leaves it (such as SystemExit) is no ordinary
    # failure.
    try:
        raise WorkerLostError(repr(error)) from error
    except WorkerLostError:
        return ExceptionInfo()


class TaskPool(BasePool):  # type: ignore[misc]
    """Run tasks in greenlets: at most ``-c`` at once; further tasks wait.

    The soft time limit raises SoftTimeLimitExceeded in the task. The hard one raises a `Timeout`, which ``except
    Exception`` does not catch; the task's ``finally`` clauses run. ``revoke(terminate=True)`` raises GreenletExit,
    whatever the signal. A warm shutdown waits for all running tasks, a cold one kills them.
    """

    Timer = Timer
    signal_safe = False
    is_green = True
    task_join_will_block = False

    def __init__(self, *args: Any, threads: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limit: int
        if not threads:
            raise RuntimeError(
                "greenrt's pool was chosen too late, by the setting worker_pool: Celery has started its own event "
                "loop; set CELERY_CUSTOM_WORKER_POOL=greenrt.adapters.celery:TaskPool and pass the option -P custom"
            )
        self._jobs: dict[int, Job] = {}
        self._room = Event()

    def on_apply(
        self,
        target: Any,
        args: Any = (),
        kwargs: Any = None,
        callback: Any = None,
        error_callback: Any = None,
        accept_callback: Any = None,
        timeout: float | None = None,
        soft_timeout: float | None = None,
        timeout_callback: Any = None,
        **_: Any,
    ) -> Job:
        """Start a task after waiting for room, and return its `Job`; the time limits are in seconds."""
        while len(self._jobs) >= self.limit:
            self._wait_for_an_end()
        callbacks = {
            "callback": callback or _ignore,
            "error_callback": error_callback or _ignore,
            "accept_callback": accept_callback,
            "timeout_callback": timeout_callback or _ignore,
            "timeout": timeout or self.options.get("timeout"),
            "soft_timeout": soft_timeout or self.options.get("soft_timeout"),
        }
        job = Job(target, args, kwargs or {}, callbacks)
        self._jobs[job.number] = job
        job.rawlink(self._end)
        job.start()
        return job

    def _wait_for_an_end(self) -> None:
        # `joinall` can't be used: it returns at once for greenlets that have ended before `_end` was called.
        self._room.clear()
        self._room.wait()

    def _end(self, job: Any) -> None:
        del self._jobs[job.number]
        self._room.set()

    def on_stop(self) -> None:
        """Wait until every task has ended."""
        while self._jobs:
            self._wait_for_an_end()

    def on_terminate(self) -> None:
        """Kill every task. Tasks that are acknowledged late are delivered again."""
        for job in list(self._jobs.values()):
            job.stop_task()

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """Stop the task that was accepted with this number; do nothing if it has ended."""
        if pid in self._jobs:
            self._jobs[pid].stop_task()

    def grow(self, n: int = 1) -> None:
        """Allow `n` more concurrent tasks."""
        self.limit += n
        self._room.set()

    def shrink(self, n: int = 1) -> None:
        """Allow `n` fewer concurrent tasks, but at least one; running tasks continue."""
        self.limit = max(1, self.limit - n)

    # Celery's remote control listens in a greenlet that this starts.
    spawn_n = staticmethod(spawn_raw)


def _ignore(*_: Any) -> None:
    pass


patch_all()
# Otherwise Celery uses its own event loop for brokers that support it, and that loop's timer instead of this one.
compat._environment = ENVIRONMENT
