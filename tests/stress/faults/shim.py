"""Faults of the C library: what `shim.c` does, for Python."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["FUNCTIONS", "Faults", "build", "compiler"]

SOURCE = Path(__file__).with_name("shim.c")

# The functions that can fail, and the errors that the kernel gives for them. EAGAIN only where it may come although
# something is ready, or where nobody waits for it: a wait for what never was missing would last for ever.
FUNCTIONS: dict[str, list[str]] = {
    "accept4": ["EMFILE", "ENOMEM", "EINTR", "EAGAIN"],
    "bind": ["ENOMEM"],
    "close": ["EINTR"],
    "connect": ["ENOMEM", "EINTR", "EAGAIN"],
    "dup": ["EMFILE"],
    "epoll_create1": ["EMFILE", "ENOMEM"],
    "epoll_ctl": ["ENOMEM"],
    "epoll_pwait2": ["EINTR", "ENOSYS", "EPERM"],
    "epoll_wait": ["EINTR"],
    "eventfd": ["EMFILE", "ENOMEM"],
    "fcntl": ["EMFILE", "EINTR"],
    "fcntl64": ["EMFILE", "EINTR"],
    "getsockopt": ["ENOMEM"],
    "ioctl": ["ENOMEM"],
    "listen": ["ENOMEM"],
    "mmap": ["ENOMEM"],
    "open64": ["EMFILE", "ENOMEM", "EINTR"],
    "pidfd_open": ["EMFILE", "ENOMEM", "ENOSYS"],
    "pipe2": ["EMFILE", "ENOMEM"],
    "poll": ["EINTR", "ENOMEM"],
    "pthread_create": ["EAGAIN"],
    "read": ["EINTR", "EAGAIN", "ENOMEM"],
    "recv": ["EINTR", "EAGAIN", "ENOMEM"],
    "recvfrom": ["EINTR", "EAGAIN", "ENOMEM"],
    "send": ["EINTR", "EAGAIN", "ENOMEM"],
    "sendto": ["EINTR", "EAGAIN", "ENOMEM"],
    "signalfd": ["EMFILE"],
    "socket": ["EMFILE", "ENOMEM"],
    "socketpair": ["EMFILE", "ENOMEM"],
    "waitid": ["EINTR"],
    "waitpid": ["EINTR"],
    "write": ["EINTR", "EAGAIN", "ENOMEM"],
}


def compiler() -> str | None:
    """Return the C compiler, if there is one."""
    return shutil.which(os.environ.get("CC", "cc"))


def build(folder: Path, source: Path = SOURCE) -> Path:
    """Compile the shim, or another source; return the library's path, for LD_PRELOAD."""
    found = compiler()
    assert found is not None
    library = folder / f"{source.stem}.so"
    subprocess.run(
        [found, "-shared", "-fPIC", "-O1", "-fno-builtin", "-o", library, source, "-ldl", "-pthread"],
        check=True,
    )
    return library


class Faults:
    """The shim that this process was started with."""

    def __init__(self) -> None:
        library = ctypes.PyDLL(os.environ["LD_PRELOAD"])
        self._arm = library.fault_arm
        self._arm.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_long, ctypes.c_int]
        self._calls = library.fault_calls
        self._calls.restype = ctypes.c_long
        self._name = b""
        self.calls = 0

    @contextmanager
    def armed(self, function: str, nth: int, error: int, times: int = 1) -> Iterator[None]:
        """Within, let the `nth` call of this thread fail, and `times` in all.

        Afterwards `calls` tells how many there were.
        """
        self._name = function.encode()
        self._arm(self._name, nth, times, error)
        try:
            yield
        finally:
            self.calls = self._calls()
            self._arm(None, 0, 0, 0)
