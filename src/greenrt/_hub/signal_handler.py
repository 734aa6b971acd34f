"""Signal handlers that may block: each call has a greenlet of its own."""

from collections.abc import Callable

from greenrt._arguments import check_callable
from greenrt._hub.current_hub import get_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._typing import Any
from greenrt.errors import GreenletExit

__all__ = ["signal_handler"]


class signal_handler:
    """Call ``handler(*args, **kwargs)`` in a new greenlet of this thread each time `signalnum` arrives.

    As gevent.signal_handler. Unlike a handler of signal.signal, it may block, and it interrupts nothing: it runs when
    the greenlet that runs now lets others run. What it raises is raised in the main greenlet. Until `cancel`, it
    takes the place of the program's handler, and it does not keep the loop alive unless `ref` is set. Arrivals before
    the first is handled may be merged (signal(7)). Any thread; for other threads than the main one see
    `greenrt._loop.watchers.signal.Signal`.
    TypeError if `handler` can't be called; ValueError for what is no signal, or can't
    be handled.
    """

    def __init__(self, signalnum: int, handler: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        check_callable(handler, "handler")
        self.handler = handler
        self.args = args
        self.kwargs = kwargs
        self.watcher: Any = get_hub().loop.signal(signalnum, ref=False)
        self.watcher.start(self._spawn)

    @property
    def ref(self) -> bool:
        """Whether the handler keeps the loop alive."""
        return bool(self.watcher.ref)

    @ref.setter
    def ref(self, value: bool) -> None:
        self.watcher.ref = value

    def _spawn(self) -> None:
        for _ in range(self.watcher.count):
            Greenlet.spawn(self._call)

    def _call(self) -> None:
        try:
            self.handler(*self.args, **self.kwargs)
        except GreenletExit:
            raise
        except BaseException as error:
            # No context: the error is the main greenlet's, as that of a handler of signal.signal.
            get_hub().handle_error(None, type(error), error, error.__traceback__)

    def cancel(self) -> None:
        """Handle the signal no more, and give its place back; idempotent, any thread."""
        self.watcher.close()
