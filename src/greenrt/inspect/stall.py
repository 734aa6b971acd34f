"""The report of a stall: what holds a hub up at one moment."""

from types import FrameType

from greenrt import _original
from greenrt._loop.registry import describe_thread
from greenrt.inspect.places import Place, Stacks
from greenrt.inspect.records import Record, running_in
from greenrt.inspect.remedies import THREADS, remedy_for

__all__ = ["Stall"]

# A thread that has used less than this share of the stall as processor time waits in C.
BUSY = 0.05


class Stall:
    """A hub that has not polled for too long, at one moment during that.

    Attributes: `thread`, the identifier of the native thread; `seconds`, how long the stall has lasted; `busy`,
    whether the thread computes, else it waits in C; `greenlet`, the Record of the greenlet that runs, or None for a
    callback in the hub; `stack`, its places; `remedy`, a text.
    """

    def __init__(self, thread: int, seconds: float, used: float) -> None:
        self.thread: int = thread
        self.seconds: float = seconds
        self.busy: bool = used >= seconds * BUSY
        frame: FrameType | None = _original.current_frames().get(thread)
        self.stack: tuple[Place, ...] = Stacks().of(frame)
        self.remedy: str = "" if self.busy else remedy_for(frame)
        # The collector's list of objects may be long: the stack is taken first, while it is fresh.
        del frame
        self.greenlet: Record | None = running_in(thread)

    def __str__(self) -> str:
        who = self.greenlet
        name = "a callback in the hub" if who is None else who.name
        # The names of threads have those of their targets already.
        if who is not None and who.function and not name.endswith(f"({who.function})"):
            name += f" ({who.function})"
        lines = [
            f"thread {describe_thread(self.thread)} has not polled for {self.seconds:.1f} s: {name} "
            + ("computes" if self.busy else "waits in C")
            + ", and all other greenlets of the thread wait for it"
        ]
        if who is not None and who.spawned_at:
            lines.append(f"  spawned at {who.spawned_at}")
        lines += [f"  {place}" for place in self.stack]
        if self.busy:
            lines.append("  remedy: call greenrt.sleep(0) in between, or compute in another process")
        else:
            lines.append(f"  remedy: {self.remedy or THREADS}")
        return "\n".join(lines)
