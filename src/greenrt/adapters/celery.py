"""A Celery worker pool: ``celery -A app worker -P custom -c 100``, with an environment variable that names it.

The variable is ``CELERY_CUSTOM_WORKER_POOL=greenrt.adapters.celery:TaskPool``. Each task runs in a greenlet, ``-c``
of them at once in one process. Importing this module patches the standard library: ``-P custom`` on the command line
makes Celery import it before the application. Rate limits, ETAs and remote control work as with Celery's own pools
of greenlets. A task that computes without waiting holds up all others, also the ends of their time limits.
"""

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
    """Reads the results that tasks wait for, in one greenlet for all of them."""

    def spawn(self, function: Any) -> Greenlet:
        """Start the greenlet that reads."""
        return Greenlet.spawn(function)

    def _event(self) -> Event:
        return Event()


class Timer(timer.Timer):  # type: ignore[misc]
    """Calls what is due in a greenlet of its own, so that nothing that waits makes the next late."""

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
        """Forget all that has not become due."""
        waiting, self._waiting = self._waiting, {}
        killall(list(waiting.values()), block=False)

    def stop(self) -> None:
        """The same as `clear`: called at the end of the worker."""
        self.clear()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def queue(self) -> list[Any]:
        """What has not become due, the next first: tuples of eta, priority and entry."""
        return sorted(key.item for key in self._waiting if not key.item.entry.canceled)


class _Scheduled:
    """One item of the timer, equal to no other: a periodic entry enters again and again."""

    __slots__ = ("item",)

    def __init__(self, item: Any) -> None:
        self.item = item


class Job(Greenlet):
    """A task that runs, or waits for its first turn. Celery's `on_…` callbacks hear of its end."""

    def __init__(self, target: Any, args: Any, kwargs: Any, callbacks: dict[str, Any]) -> None:
        super().__init__(self._run_task, target, args, kwargs, callbacks)
        self.number = id(self)
        self._terminated = False
        self._in_task = False

    def terminate(self, signal: int | None = None) -> None:
        """Nothing: Celery calls this after `TaskPool.terminate_job`, and before the task is accepted."""

    def stop_task(self) -> None:
        """Raise GreenletExit in the task, and tell Celery nothing of its end: the caller has done so."""
        self._terminated = True
        # Not in the callbacks: an acknowledgement cut in two breaks the connection.
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
    # Celery's own tracing catches every Exception: what comes out of it (SystemExit, say) is no ordinary failure.
    try:
        raise WorkerLostError(repr(error)) from error
    except WorkerLostError:
        return ExceptionInfo()


class TaskPool(BasePool):  # type: ignore[misc]
    """Tasks in greenlets: at most ``-c`` at once, and what is delivered beyond that waits.

    Time limits: the soft one raises SoftTimeLimitExceeded in the task, the hard one a `Timeout`, which ``except
    Exception`` lets pass; the task's ``finally`` clauses run. ``revoke(terminate=True)`` raises GreenletExit,
    whatever the signal. A warm shutdown waits for all tasks that run, a cold one kills them.
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
                "greenrt's pool was chosen too late, by the setting worker_pool: Celery has begun with its own event "
                "loop; set CELERY_CUSTOM_WORKER_POOL=greenrt.adapters.celery:TaskPool and give the option -P custom"
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
        """Start a task, after waiting for room; the limits are in seconds."""
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
        # Not by `joinall`: it returns at once for greenlets that have ended, though `_end` has yet to be called.
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
        """Kill every task; those acknowledged late are delivered again."""
        for job in list(self._jobs.values()):
            job.stop_task()

    def terminate_job(self, pid: int, signal: int | None = None) -> None:
        """Stop the task that was accepted with this number; no-op if it has ended."""
        if pid in self._jobs:
            self._jobs[pid].stop_task()

    def grow(self, n: int = 1) -> None:
        """Allow `n` tasks more at once."""
        self.limit += n
        self._room.set()

    def shrink(self, n: int = 1) -> None:
        """Allow `n` tasks fewer at once, but one at least; those that run go on."""
        self.limit = max(1, self.limit - n)

    # Celery's remote control listens in a greenlet started by this.
    spawn_n = staticmethod(spawn_raw)


def _ignore(*_: Any) -> None:
    pass


patch_all()
# Else Celery takes its own event loop for brokers that know it, and that loop's timer instead of ours.
compat._environment = ENVIRONMENT
