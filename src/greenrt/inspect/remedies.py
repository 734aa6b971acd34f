"""Modules that wait in C, which patching can't change: meanwhile all greenlets of the thread stand still."""

from types import FrameType, ModuleType

from greenrt._render import is_own_frame, module_of_frame

__all__ = ["REMEDIES", "THREADS", "remedy_for"]

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


def remedy_for(frame: FrameType | None) -> str:
    """Return a text with the remedy for the listed module on whose behalf the stack at `frame` waits, or "".

    That is the innermost module of the stack that is listed. If none is, the text names the listed modules that the
    innermost code of the program has imported. Runs no code of the program.
    """
    inner = frame
    while inner is not None and is_own_frame(inner):
        inner = inner.f_back
    frame = inner
    while frame is not None:
        name = _listed(module_of_frame(frame))
        if name:
            return f"{name}: {REMEDIES[name]}"
        frame = frame.f_back
    found = set() if inner is None else {_module_of(value) for value in list(dict.values(inner.f_globals))}
    return "; ".join(f"if {name} is what waits: {REMEDIES[name]}" for name in sorted(found - {""}))


def _module_of(value: object) -> str:
    """Return the listed module that a global name stands for, or ""."""
    return (
        _listed(ModuleType.__getattribute__(value, "__dict__").get("__name__"))
        if type(value) is ModuleType
        else ""
    )


def _listed(module: object) -> str:
    """Return the name in the list for a module, or for a module inside it, or ""."""
    if type(module) is not str:
        return ""
    root = module.partition(".")[0]
    return next(
        (name for name in (module, root, f"_{root}", _WRAPPERS.get(module, "")) if name in REMEDIES), ""
    )


# Modules in Python whose waits are in the C module that is listed.
_WRAPPERS = {"mysql.connector": "_mysql_connector"}
