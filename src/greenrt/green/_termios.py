"""The functions of `termios` that wait until a terminal has sent its output, cooperative.

They check repeatedly how much the kernel's buffer holds. After that, the original function runs in a native thread of
the hub's pool, for the time that the hardware needs. Sources: termios(3), TIOCOUTQ in ioctl_tty(2).
"""

import struct
import termios as _stdlib
from fcntl import ioctl

from greenrt._hub.current_hub import hub_for_waiting
from greenrt._hub.fd_wait import yield_if_due
from greenrt._typing import Any
from greenrt.green._fds import without_bool
from greenrt.green._polling import poll_until
from greenrt.green._twin import supported

__all__ = ["FUNCTIONS"]

_tcdrain = _stdlib.tcdrain
_tcsendbreak = _stdlib.tcsendbreak
_tcsetattr = _stdlib.tcsetattr

_INT = struct.Struct("@i")


def tcdrain(fd: Any, /) -> None:
    """Wait until the terminal has sent its output. See `termios.tcdrain`."""
    fd = without_bool(fd)
    _after_output(fd, _tcdrain, fd)


def tcsendbreak(fd: Any, duration: int, /) -> None:
    """Send a break. See `termios.tcsendbreak`."""
    _aside(_tcsendbreak, without_bool(fd), duration)


def tcsetattr(fd: Any, when: int, attributes: Any, /) -> None:
    """Set the attributes of a terminal, for TCSADRAIN and TCSAFLUSH after its output. See `termios.tcsetattr`."""
    fd = without_bool(fd)
    if when in (_stdlib.TCSADRAIN, _stdlib.TCSAFLUSH):
        _after_output(fd, _tcsetattr, fd, when, attributes)
    else:
        _tcsetattr(fd, when, attributes)


def _after_output(fd: Any, function: Any, *args: Any) -> None:
    if hub_for_waiting() is None:
        function(*args)
        return
    yield_if_due()
    poll_until(lambda: not _unsent(fd))
    _aside(function, *args)


def _aside(function: Any, *args: Any) -> None:
    """Call `function` in a native thread, so that other greenlets can run."""
    hub = hub_for_waiting()
    if hub is None:
        function(*args)
        return
    try:
        called = hub.threadpool.spawn(function, *args)
    except RuntimeError:
        # CPython 3.12 starts no threads while the functions of atexit run.
        function(*args)
    else:
        called.get()


def _unsent(fd: Any) -> int:
    """Return how many bytes the terminal has not sent; 0 if `fd` is not a terminal, which the next call reports."""
    try:
        return _INT.unpack(ioctl(fd, _stdlib.TIOCOUTQ, bytes(_INT.size)))[0]  # type: ignore[no-any-return]
    except (OSError, TypeError, ValueError):
        return 0


# The functions that patching replaces in `termios`.
FUNCTIONS: dict[str, Any] = supported(_stdlib, tcdrain=tcdrain, tcsendbreak=tcsendbreak, tcsetattr=tcsetattr)
