"""Signal handlers that may block: each call runs in a greenlet of its own."""

from collections.abc import Callable

from greenrt._arguments import check_callable
from greenrt._hub.current_hub import get_hub
from greenrt._hub.greenlet import Greenlet
from greenrt._typing import TYPE_CHECKING, ParamSpec
from greenrt.errors import GreenletExit

__all__ = ["signal_handler"]


if TYPE_CHECKING:
    from greenrt._loop.watchers.signal import Signal

P = ParamSpec("P")


class signal_handler:
    """Call ``handler(*args, **kwargs)`` in a new greenlet of this thread each time `signalnum` arrives.

    It is gevent's class of the same name. Unlike a handler of signal.signal, `handler` may block and interrupts
    nothing: it runs when the running greenlet lets others run. Its exceptions are raised in the main greenlet. Until
    `cancel`, it replaces the program's handler of the signal. Arrivals may be merged before the first is handled
    (signal(7)).

    Any thread may make and cancel it. For threads other than the main thread, see
    `greenrt._loop.watchers.signal.Signal`.

    Arguments: `signalnum`, the signal's number; `handler`, the callable; `args` and `kwargs`, its arguments. Raises
    TypeError if `handler` is not callable, and ValueError if `signalnum` is not a signal or can't be handled.

    Attributes: `handler`, `args` and `kwargs`; `watcher`, the loop's watcher of the signal; `ref`, whether the
    handler keeps the loop alive (default: false).
    """

    def __init__(
        self, signalnum: int, handler: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        check_callable(handler, "handler")
        self.handler: Callable[..., object] = handler
        self.args: tuple[object, ...] = args
        self.kwargs: dict[str, object] = kwargs
        self.watcher: Signal = get_hub().loop.signal(signalnum, ref=False)
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
            # Without a context, the error is raised in the main greenlet, like the error of a handler of
            # signal.signal.
            get_hub().handle_error(None, type(error), error, error.__traceback__)

    def cancel(self) -> None:
        """Stop handling the signal, and restore the program's handler.

        A second call does nothing. Any thread may call this.
        """
        self.watcher.close()
