"""What Linux tells about another process, before greenrt asks it: whether it is there, whose it is, what it runs."""

import os
import re
import sys
from pwd import getpwuid

__all__ = ["OtherProcess", "Refusal"]

# The largest number of a process on Linux.
LARGEST = 1 << 22
# greenlet's extension is loaded wherever greenrt is; its name has the version of Python.
_GREENLET = re.compile(rb"/greenlet/_greenlet\.cpython-3(\d+)t?-")


class Refusal(Exception):
    """The process can't be asked; the message says why in one line."""


class OtherProcess:
    """A process. Raise Refusal if it is not there, or is another user's.

    Attributes: `pid`; `own_pid`, its number in its own PID namespace, such as a container's; `uid`, its effective
    user.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.check_is_there()
        try:
            status = self._status()
        except (FileNotFoundError, ProcessLookupError):
            raise Refusal(f"there is no process {pid}") from None
        if int(status[b"Tgid"]) != pid:
            raise Refusal(f"{pid} is a thread of process {int(status[b'Tgid'])}; ask that")
        self.own_pid = int(status.get(b"NSpid", status[b"Tgid"]).split()[-1])
        self.uid = int(status[b"Uid"].split()[1])
        if os.geteuid() not in (0, self.uid):
            raise Refusal(f"process {pid} belongs to {_user_name(self.uid)}; ask as that user, or as root")

    def _status(self) -> dict[bytes, bytes]:
        with open(f"/proc/{self.pid}/status", "rb") as status:
            return {name: value for name, _, value in (line.partition(b":") for line in status)}

    def check_is_there(self) -> None:
        """Raise Refusal if the process has ended."""
        try:
            if not 0 < self.pid <= LARGEST:
                raise ProcessLookupError
            with open(f"/proc/{self.pid}/stat", "rb") as stat:
                state = stat.read().rpartition(b")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            raise Refusal(f"there is no process {self.pid}") from None
        if state in (b"Z", b"X"):
            raise Refusal(f"process {self.pid} has ended; its parent has not noticed yet")

    def variable(self, name: str) -> str | None:
        """Return the value of an environment variable with which the process was started, or None."""
        try:
            with open(f"/proc/{self.pid}/environ", "rb") as environ:
                for setting in environ.read().split(b"\0"):
                    found, _, value = setting.partition(b"=")
                    if found == name.encode():
                        return os.fsdecode(value)
        except OSError:
            # The process has ended, or it is protected from others (prctl PR_SET_DUMPABLE).
            pass
        return None

    def root(self) -> str:
        """Return what comes before the path of a file that the process sees, for example in a container."""
        try:
            namespaces = {os.readlink(f"/proc/{pid}/ns/mnt") for pid in ("self", self.pid)}
        except OSError:
            return ""
        return "" if len(namespaces) == 1 else f"/proc/{self.pid}/root"

    def check_runs_greenrt(self) -> None:
        """Raise Refusal if the process does not run Python, or Python without greenrt."""
        program = self._program()
        if self._python_minor() is not None:
            return
        if not program:
            raise Refusal(f"process {self.pid} has no socket to ask, and its program can't be read")
        if b"python" in self._maps().lower() or "python" in os.path.basename(program):
            raise Refusal(f"process {self.pid} runs Python without greenrt")
        raise Refusal(f"process {self.pid} runs {program}, not Python")

    def check_same_python(self) -> None:
        """Raise Refusal unless this Python can use sys.remote_exec there: both are 3.14, or both 3.15 and so on."""
        theirs, mine = self._python_minor(), sys.version_info.minor
        listen = f"start it with GREENRT_INSPECT=1, and `greenrt dump {self.pid}` works"
        if theirs is None or theirs < 14:
            raise Refusal(f"process {self.pid} has no socket to ask; {listen}")
        if theirs != mine:
            raise Refusal(
                f"process {self.pid} has no socket to ask, and runs Python 3.{theirs}: only the `greenrt` of that "
                f"version can ask it, this is Python 3.{mine}; or {listen}"
            )

    def _program(self) -> str:
        try:
            return os.readlink(f"/proc/{self.pid}/exe")
        except OSError:
            return ""

    def _python_minor(self) -> int | None:
        """Return the minor version of the Python that has loaded greenlet; None if none has."""
        found = _GREENLET.search(self._maps())
        return None if found is None else int(found[1])

    def _maps(self) -> bytes:
        try:
            with open(f"/proc/{self.pid}/maps", "rb") as maps:
                return maps.read()
        except OSError:
            return b""


def _user_name(uid: int) -> str:
    try:
        return f"user {getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
