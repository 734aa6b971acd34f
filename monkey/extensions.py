"""Modules that wait in C, where patching does not reach: while one does, all greenlets of the thread stand still."""

import sys
from importlib.util import find_spec

__all__ = ["installed", "loaded"]

RIVAL = (
    "a runtime of its own, whose greenlets greenrt does not run; its patching is refused: use one of the two"
)
THREADS = "call it by get_hub().threadpool.apply(function, args)"

# By module: what to do about it.
REMEDIES = {
    "MySQLdb": f"use PyMySQL (pymysql.install_as_MySQLdb()), or {THREADS}",
    "_mysql_connector": "pass use_pure=True to mysql.connector.connect",
    "_sqlite3": f"waits for disks and for locks of other processes; where that is long, {THREADS}",
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
    "uvloop": "its loop waits in C; run it in a native thread of its own",
    "zmq": "send and receive with NOBLOCK, and greenrt.wait_read(socket.FD) in between",
}


def loaded() -> dict[str, str]:
    """Return what this process has imported of them: {module: remedy}."""
    return {name: remedy for name, remedy in REMEDIES.items() if name in sys.modules}


def installed() -> list[str]:
    """Return the names of those that could be imported, and have not been."""
    return [name for name in REMEDIES if name not in sys.modules and _can_be_imported(name)]


def _can_be_imported(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
