"""What differs from the unpatched interpreter in libraries' own tests, and why.

An entry is a test that passes unpatched and does not pass patched. The run fails if an entry passes after all, so the
table can only shrink.
"""

__all__ = ["DIFFERENCES"]

AT_ONCE = "the test looks for the effect of another thread without any wait; a green thread runs when this one waits"
BUSY = "a loop that calls nothing of the standard library lets no other green thread run"
PTHREAD = "pthread_getname_np gets the identity of a green thread, which is no pthread"
PYOPENSSL = "pyOpenSSL waits in C on the file descriptor of a socket without a timeout"
SQLITE = "sqlite3 waits for a file's lock in C, so the green thread that holds the lock cannot release it"

# Library: {test id: the reason}.
DIFFERENCES: dict[str, dict[str, str]] = {
    "anyio": {"tests/test_to_thread.py::test_asyncio_run_does_not_leak_event_loop": AT_ONCE},
    "cheroot": {
        "cheroot/test/test_conn.py::test_remains_alive_post_unhandled_exception": BUSY,
        "cheroot/test/test_conn.py::test_unhandled_exception_in_request_handler": BUSY,
    },
    "huey": {"huey/tests/test_sql_huey.py::TestSqlStorage::test_sqlite_waits_for_write_lock": SQLITE},
    "trio": {"test_threads.py::test_named_thread_os": PTHREAD},
    "urllib3": {
        "test/with_dummyserver/test_proxy_poolmanager.py::TestHTTPProxyManager::"
        "test_https_proxy_pyopenssl_not_supported": PYOPENSSL,
        "test/with_dummyserver/test_proxy_poolmanager.py::TestHTTPProxyManager::"
        "test_https_proxy_with_proxy_ssl_context_pyopenssl": PYOPENSSL,
    },
}
