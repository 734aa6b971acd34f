"""The report of a stall: what holds a hub up at one moment."""

from collections.abc import Callable
from types import CodeType, FrameType

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
    whether the thread computes, else it waits in C; `stack`, its places; `over`, whether another greenlet
    runs since the stack was taken; `greenlet`, the Record of the greenlet that runs, or None for a callback in the
    hub, and if the stall is over; `remedy`, a text.
    """

    def __init__(self, thread: int, seconds: float, used: float, check: Callable[[], object] = int) -> None:
        self.thread: int = thread
        self.seconds: float = seconds
        self.busy: bool = used >= seconds * BUSY
        frame: FrameType | None = _original.current_frames().get(thread)
        self.stack: tuple[Place, ...] = Stacks().of(frame)
        self.remedy: str = "" if self.busy else remedy_for(frame)
        bottom = _bottom(frame)
        del frame
        # The collector's list of objects may be long: the stack is taken first, while it is fresh.
        running = running_in(thread, check)
        # The thread may get the GIL at any moment, and another greenlet of it may run by now.
        self.over: bool = _bottom(_original.current_frames().get(thread)) != bottom
        self.greenlet: Record | None = None if self.over else running

    def __str__(self) -> str:
        who = self.greenlet
        if self.over:
            name = "what ran until a moment ago"
        elif who is None:
            name = "a callback in the hub"
        else:
            name = who.name
            # The names of threads have those of their targets already.
            if who.function and not name.endswith(f"({who.function})"):
                name += f" ({who.function})"
        does = "computes" if self.busy else "waits in C"
        wait = "wait"
        if self.over:
            does = "computed" if self.busy else "waited in C"
            wait = "waited"
        lines = [
            f"thread {describe_thread(self.thread)} has not polled for {self.seconds:.1f} s: {name} {does}, "
            f"and all other greenlets of the thread {wait} for it"
        ]
        if who is not None and who.spawned_at:
            lines.append(f"  spawned at {who.spawned_at}")
        lines += [f"  {place}" for place in self.stack]
        if self.busy:
            lines.append("  remedy: call greenrt.sleep(0) in between, or compute in another process")
        else:
            lines.append(f"  remedy: {self.remedy or THREADS}")
        return "\n".join(lines)


def _bottom(frame: FrameType | None) -> tuple[int, CodeType] | None:
    """Return what tells the outermost frame of a stack from others: each greenlet has another one.

    Not the frame itself: this thread would then destroy the program's objects in it.
    """
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return None if frame is None else (id(frame), frame.f_code)
