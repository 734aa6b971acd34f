"""What differs from the unpatched interpreter in libraries' own tests, and why.

An entry is a test that passes unpatched and does not pass patched. The run fails if an entry passes after all, so the
table can only shrink.
"""

__all__ = ["DIFFERENCES"]

BUSY = "a loop that calls nothing of the standard library lets no other green thread run"
PTHREAD = "pthread_getname_np gets the identity of a green thread, which is no pthread"
SQLITE = "sqlite3 waits for a file's lock in C, so the green thread that holds the lock cannot release it"

# Library: {test id: the reason}.
DIFFERENCES: dict[str, dict[str, str]] = {
    "cheroot": {
        "cheroot/test/test_conn.py::test_remains_alive_post_unhandled_exception": BUSY,
        "cheroot/test/test_conn.py::test_unhandled_exception_in_request_handler": BUSY,
    },
    "huey": {"huey/tests/test_sql_huey.py::TestSqlStorage::test_sqlite_waits_for_write_lock": SQLITE},
    "trio": {"test_threads.py::test_named_thread_os": PTHREAD},
}
