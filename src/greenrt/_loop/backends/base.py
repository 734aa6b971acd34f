"""The interface of all backends."""

from greenrt._typing import ClassVar

__all__ = ["Backend"]


class Backend:
    """Asks the kernel which file descriptors are ready. Owner thread only, except `forget`.

    `arm` is one-shot: it reports an event once, then the caller has to arm the fd again. An fd is registered together
    with a generation, and its events carry that generation. If the fd is closed and its number reused while an event
    is in flight, the event has the old generation, and the fd table drops it.

    No method raises for an error of the kernel: `arm` and `watch_edges` return an errno. EBADF: the fd is not open.
    EPERM: the fd is always ready (a regular file, with epoll).

    `name` is the name of the backend. `has_edges` says whether it supports `watch_edges`.
    """

    __slots__ = ()

    name: ClassVar[str] = "none"
    has_edges: ClassVar[bool] = False

    def arm(self, fd: int, generation: int, events: int, registered: bool) -> int:
        """Report `events` (READ, WRITE) of `fd` once, replacing earlier ones; 0 disarms. Return 0 or an errno.

        registered: whether the fd is probably registered already; a wrong guess costs a system call.
        """
        raise NotImplementedError

    def watch_edges(self, fd: int, generation: int, registered: bool) -> int:
        """Report each change of readiness of `fd` until `forget` (edge-triggered). Return 0 or an errno."""
        raise NotImplementedError

    def forget(self, fd: int) -> None:
        """Remove the registration of `fd`, which is about to be closed. Never fails. Any thread may call it."""
        raise NotImplementedError

    def wait(self, timeout: float) -> int:
        """Wait for at most `timeout` seconds (negative: forever); return the number of ready fds."""
        raise NotImplementedError

    def ready_fd(self, index: int) -> int:
        """Return the ready fd number `index` of the last wait."""
        raise NotImplementedError

    def ready_generation(self, index: int) -> int:
        """Return the generation with which ready fd number `index` was registered."""
        raise NotImplementedError

    def ready_events(self, index: int) -> int:
        """Return the events of ready fd number `index`: READ, WRITE or both. Errors and hangups count as both."""
        raise NotImplementedError

    def fresh(self) -> "Backend":
        """Return a new backend of the same kind."""
        return type(self)()

    def fileno(self) -> int:
        """Return the fd of the kernel object, or -1 if the backend has none."""
        return -1

    def close(self) -> None:
        """Release the resources of the backend; idempotent."""
        raise NotImplementedError
