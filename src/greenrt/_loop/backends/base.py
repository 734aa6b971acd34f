"""The one interface of all backends."""

from greenrt._typing import ClassVar

__all__ = ["Backend"]


class Backend:
    """Asks the kernel which fds are ready; owner thread only, except `forget`.

    Interest is one-shot: what `arm` asked for is reported once, and has to be asked for again. An fd is
    registered together with a generation, which comes back with its events: an event that was on its way while
    the fd was closed and its number used again carries the old generation, and is dropped.

    No call raises for what the kernel says of an fd: `arm` and `stick` return an errno. EBADF: not open;
    EPERM: always ready (a regular file, under epoll).
    """

    __slots__ = ()

    name: ClassVar[str] = "none"
    # Whether `stick` works.
    sticky: ClassVar[bool] = False

    def arm(self, fd: int, generation: int, events: int, known: bool) -> int:
        """Report READ or WRITE of `fd` once, replacing earlier interest (0: none). Return 0 or an errno.

        `known` says that the fd is thought to be registered already; a wrong guess costs a system call.
        """
        raise NotImplementedError

    def stick(self, fd: int, generation: int, known: bool) -> int:
        """Report each change of readiness of `fd` until it is forgotten (edge-triggered). Return 0 or an errno."""
        raise NotImplementedError

    def forget(self, fd: int) -> None:
        """Drop what is known of `fd`, which is about to be closed; never fails; any thread."""
        raise NotImplementedError

    def wait(self, timeout: float) -> int:
        """Wait for at most `timeout` seconds (negative: for ever); return the number of ready fds."""
        raise NotImplementedError

    def ready_fd(self, index: int) -> int:
        """Return the fd of ready fd number `index`."""
        raise NotImplementedError

    def ready_generation(self, index: int) -> int:
        """Return the generation that it was registered with."""
        raise NotImplementedError

    def ready_events(self, index: int) -> int:
        """Return which of READ and WRITE are reported; errors and hangups count as both."""
        raise NotImplementedError

    def fresh(self) -> "Backend":
        """Return a new backend of the same kind."""
        return type(self)()

    def fileno(self) -> int:
        """Return the fd of the kernel's object, or -1 where there is none."""
        return -1

    def close(self) -> None:
        """Give back what the backend holds; idempotent."""
        raise NotImplementedError
