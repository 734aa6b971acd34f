"""Modules that wait in C, which patching can't change: meanwhile all greenlets of the thread stand still."""

import sys
from collections.abc import Callable
from importlib.util import find_spec

from greenrt._typing import Any

__all__ = ["calls", "installed", "loaded", "record_call"]

RIVAL = (
    "a runtime of its own, whose greenlets greenrt does not run; its patching is refused: use one of the two"
)
THREADS = "call it by get_hub().threadpool.apply(function, args)"

# The remedy for each module.
REMEDIES = {
    "MySQLdb": f"use PyMySQL (pymysql.install_as_MySQLdb()), or {THREADS}",
    "_mysql_connector": "pass use_pure=True to mysql.connector.connect",
    "_curses": f"reads of the keyboard wait in C: use nodelay(True) and greenrt.sleep, or {THREADS}",
    "_sqlite3": "waits for disks and for locks of other processes; where that is long, use the connection through a "
    "greenrt.ThreadProxy, since it belongs to the thread that made it",
    "aerospike": THREADS,
    "confluent_kafka": f"poll(0) and sleep in a loop, or {THREADS}",
    "couchbase": THREADS,
    "cx_Oracle": f"use oracledb in its thin mode, or {THREADS}",
    "eventlet": RIVAL,
    "gevent": RIVAL,
    "grpc": f"its calls wait in C: {THREADS}",
    "ibm_db": THREADS,
    "oracledb": "don't call init_oracle_client(): its thin mode cooperates",
    "psycopg2": "waits by the callback that patching sets; COPY and large objects then raise: psycopg 3 has them",
    "pycurl": f"use requests or urllib3, or {THREADS}",
    "pylibmc": f"use pymemcache, or {THREADS}",
    "pymssql": f"give pymssql.set_wait_callback a function that calls greenrt.wait_read, or {THREADS}",
    "pyodbc": THREADS,
    "readline": f"input() then waits in C: {THREADS}",
    "syslog": "waits if the system's logger is slow; use logging.handlers.SysLogHandler",
    "uvloop": "its loop waits in C; run it in a native thread of its own",
    "zmq": "send and receive with NOBLOCK, and greenrt.wait_read(socket.FD) in between",
}

_FILE_LOCK = (
    f"waits for other processes in C: ask without waiting and use greenrt.sleep in between, or {THREADS}"
)
# Values from <fcntl.h> and <sys/file.h>; the module fcntl may be missing.
_LOCK_NB = 4
_LOCK_UN = 8
_SET_AND_WAIT = (7, 38)
_F_LOCK = 1

# For each audit event: whether the call may wait, by its arguments, and its name for the report.
_CALLS: dict[str, tuple[Callable[..., bool], str]] = {
    "fcntl.fcntl": (lambda fd, command, arg: command in _SET_AND_WAIT, "fcntl.fcntl with F_SETLKW"),
    "fcntl.flock": (lambda fd, operation: not operation & (_LOCK_NB | _LOCK_UN), "fcntl.flock"),
    "fcntl.lockf": (lambda fd, operation, *_: not operation & (_LOCK_NB | _LOCK_UN), "fcntl.lockf"),
    "os.lockf": (lambda fd, command, length: command == _F_LOCK, "os.lockf"),
}

# The calls so far that may wait, with the place of the first one of each kind: {name: "file:line"}.
_made: dict[str, str] = {}


def record_call(event: str, args: tuple[Any, ...]) -> None:
    """Record a call that may wait for a file lock. For an audit hook that calls this function directly."""
    known = _CALLS.get(event)
    if known is None or known[1] in _made or not known[0](*args):
        return
    # The frame of the code that called the hook's caller.
    frame = sys._getframe(2)
    _made[known[1]] = f"{frame.f_code.co_filename}:{frame.f_lineno}"


def calls() -> dict[str, str]:
    """Return the recorded calls that wait in C: {name and place: remedy}."""
    return {f"{name} at {place}": _FILE_LOCK for name, place in _made.items()}


def loaded() -> dict[str, str]:
    """Return the listed modules that this process has imported: {module: remedy}."""
    return {name: remedy for name, remedy in REMEDIES.items() if name in sys.modules}


def installed() -> list[str]:
    """Return the names of the listed modules that could be imported and have not been."""
    return [name for name in REMEDIES if name not in sys.modules and _can_be_imported(name)]


def _can_be_imported(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
