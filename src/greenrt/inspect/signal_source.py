"""A signal that makes the process write a dump to stderr."""

import _signal

from greenrt._loop.wakeup import Wakeup
from greenrt._native import dump_signal
from greenrt._native.thread import monotonic
from greenrt.inspect.answering import Interrupted, answering
from greenrt.inspect.report import failure_text, render

__all__ = ["dump_on_signal"]

STDERR = 2
# How long the reader of stderr may take, in seconds: the answering thread has others to answer.
READING = 10.0


class _Signals:
    """The source of questions of all signals."""

    def __init__(self) -> None:
        self._wakeup: Wakeup | None = None
        self.start_again()

    def fileno(self) -> int:
        """See `Source.fileno`."""
        return -1 if self._wakeup is None else self._wakeup.fd

    def answer(self) -> None:
        """See `Source.answer`."""
        wakeup = self._wakeup
        if wakeup is None:
            return
        # Signals that arrive from here on get a dump of their own.
        wakeup.drain()
        dump_signal.begin_answer()
        try:
            text = _text()
            # The program's sys.stderr may be anything, and may switch greenlets.
            answering.write(STDERR, f"{text}\n".encode(errors="backslashreplace"), monotonic() + READING)
        except Interrupted:
            # The process forks. The thread that follows this one answers.
            wakeup.send()
            raise
        finally:
            dump_signal.end_answer()

    def renew(self) -> None:
        """See `Source.renew`: the child must not wake up its parent."""
        dump_signal.set_fd(-1)
        if self._wakeup is not None:
            self._wakeup.close(await_senders=False)
        self._wakeup = None
        self.start_again()

    def lose(self) -> None:
        """See `Source.lose`."""
        dump_signal.set_fd(-1)
        self._wakeup = None

    def start_again(self) -> None:
        """See `Source.start_again`."""
        if self._wakeup is None:
            self._wakeup = Wakeup(pipe=True)
            dump_signal.set_fd(self._wakeup.write_fd)

    def end(self) -> None:
        """See `Source.end`."""
        dump_signal.end()
        if self._wakeup is not None:
            self._wakeup.close()


def _text() -> str:
    try:
        return "".join(render("text", answering.check))
    except Interrupted:
        raise
    except Exception as error:
        return failure_text(error)


_sources: list[_Signals] = []


def dump_on_signal(number: int = _signal.SIGUSR1) -> bool:
    """Write a dump to stderr whenever signal `number` arrives; return False if it has a handler or is ignored.

    A native thread writes, so it works while the hub computes, or is in a call of C that has released the GIL. If a
    call of C keeps the GIL, nothing is written before it ends; a second signal, a second later or more, prints the
    Python stacks of all threads. In the plain build the main thread must reach Python code first.

    A handler that the program sets later replaces this. Only the main thread may call this. Raises OSError or
    RuntimeError if the system has no fd or no thread left, and ValueError in other threads.
    """
    if not dump_signal.is_free(number):
        return False
    if not _sources:
        source = _Signals()
        try:
            answering.add(source)
        except BaseException:
            source.end()
            raise
        _sources.append(source)
        dump_signal.show_stacks_in(STDERR)
    dump_signal.catch(number)
    return True
