"""What differs from eventlet in eventlet's own tests, and why.

Each entry passes over eventlet and does not pass over greenrt. An entry that passes after all is reported too.
"""

# Names of tests are long.
# ruff: noqa: E501

__all__ = ["DIFFERENCES", "FILES", "INSIDE", "UNSTEADY"]

PRIVATE = "it tests private names, or objects that stand in for them"
HUB = "it tests the inside of eventlet's hub: its descriptors, its timers, its greenlet"
LAYOUT = "it goes by the names of eventlet's modules and classes"
GREEN_THREAD = "threading.current_thread() in a greenthread is CPython's _DummyThread, not a private class"
LOCKS = "greenrt replaces only native locks that are free, and not by locks in Python"
ASYNCIO = "it is about eventlet.asyncio, which greenrt does not offer"
DEPRECATED = "threading.currentThread is CPython's own, which warns in the output"
FORK = "in the child of a fork only the thread that forked goes on, as in CPython"
IN_PLACE = "poll and epoll stay, and cooperate"
READERS = "a second reader of a socket gets ConcurrentObjectUseError"
CPYTHON = (
    "the socket or file does what CPython's does: a reset is an error, and a read of no bytes does not wait"
)
TURN = "sleep(0) and a connect that succeeds at once do not let the other side run"
WOKEN = "a waiter that was woken gets its result; a Timeout that comes later is raised at its next wait"
LOCALS = "the values of a greenthread are dropped at its end, sooner than the test expects"
OPENSSL = "green.OpenSSL is not offered; ssl cooperates"
PROFILE = "green.profile is the standard module, which does not follow switches"
DRAFTS = "the drafts before RFC 6455 are not offered: browsers have not spoken them since 2012"
HTTP = (
    "greenrt's HTTP engine refuses the message, or answers it as HTTP says: a Host, one framing, names that are "
    "tokens, 408 and 431, a reset for a response that is incomplete"
)

# Reasons for tests that are about eventlet's inside or the layout of its package.
INSIDE = frozenset((PRIVATE, HUB, LAYOUT, GREEN_THREAD, ASYNCIO))

# Files that are not run: the reason.
FILES = {"greendns_test": "it tests the inside of eventlet's resolver; greenrt has one of its own"}

# Tests that differ only in some runs.
UNSTEADY: frozenset[str] = frozenset()

# Test: the reason.
DIFFERENCES = {
    "convenience_test::TestServe::test_exiting_server": TURN,
    "debug_test::TestSpew::test_line_global": LAYOUT,
    "env_test::test_hub_selects": LAYOUT,
    "green_profile_test::test_green_profile_basic": PROFILE,
    "green_select_test::test_select_mark_file_as_reopened": HUB,
    "greenio_test::TestGreenIoLong::test_multiple_readers": READERS,
    "greenio_test::TestGreenPipe::test_truncate": CPYTHON,
    "greenio_test::TestGreenSocket::test_blocking_accept_mark_as_reopened": HUB,
    "greenio_test::TestGreenSocket::test_default_nonblocking": HUB,
    "greenio_test::TestGreenSocket::test_dup_nonblocking": HUB,
    "greenio_test::TestGreenSocket::test_nonblocking_accept_mark_as_reopened": HUB,
    "greenio_test::TestGreenSocket::test_raised_multiple_readers": READERS,
    "greenio_test::TestGreenSocket::test_recv_into_timeout": CPYTHON,
    "greenio_test::TestGreenSocket::test_recv_timeout": CPYTHON,
    "hub_test::TestDeadRunLoop::test_parent": HUB,
    "hub_test::TestTimerCleanup::test_cancel_proportion": HUB,
    "hub_test::test_use_hub_class": HUB,
    "not_asyncio_test::test_spawn_from_coroutine_errors": ASYNCIO,
    "openssl_test::test_import": OPENSSL,
    "patcher_test::GreenThreadWrapper::test_ident": GREEN_THREAD,
    "patcher_test::GreenThreadWrapper::test_is_alive": GREEN_THREAD,
    "patcher_test::GreenThreadWrapper::test_is_daemon": GREEN_THREAD,
    "patcher_test::GreenThreadWrapper::test_join": GREEN_THREAD,
    "patcher_test::GreenThreadWrapper::test_name": GREEN_THREAD,
    "patcher_test::MonkeyPatch::test_patched_modules": LAYOUT,
    "patcher_test::Threading::test_greenlet": DEPRECATED,
    "patcher_test::Threading::test_greenthread": GREEN_THREAD,
    "patcher_test::Threading::test_orig_thread": DEPRECATED,
    "patcher_test::Threading::test_tpool": DEPRECATED,
    "patcher_test::test_blocking_select_methods_are_deleted": IN_PLACE,
    "patcher_test::test_builtin": HUB,
    "patcher_test::test_fork_after_monkey_patch": FORK,
    "patcher_test::test_fork_after_monkey_patch_threading": FORK,
    "patcher_test::test_patcher_existing_locks": LOCKS,
    "patcher_test::test_patcher_existing_logging_module_lock": LOCKS,
    "socket_test::test_dns_methods_are_green": LAYOUT,
    "socket_test::test_recv_into_type": CPYTHON,
    "socket_test::test_recv_type": CPYTHON,
    "ssl_test::SSLTest::test_no_handshake_block_accept_loop": TURN,
    "ssl_test::SSLTest::test_regression_gh_17": CPYTHON,
    "test__event::TestEvent::test_send": WOKEN,
    "thread_test::Locals::test_no_leaking": LOCALS,
    "websocket_new_test::TestWebSocketWithCompression::test_client_compress_no_context_takeover_13": PRIVATE,
    "websocket_new_test::TestWebSocketWithCompression::test_client_compress_with_context_takeover_13": PRIVATE,
    "websocket_new_test::TestWebSocketWithCompression::test_send_uncompressed_msg_13": PRIVATE,
    "websocket_new_test::TestWebSocketWithCompression::test_server_compress_no_context_takeover_13": PRIVATE,
    "websocket_new_test::TestWebSocketWithCompression::test_server_compress_with_context_takeover_13": PRIVATE,
    "wsgi_test::IterableAlreadyHandledTest::test_iterable_app_keeps_socket_open_unless_connection_close_sent": HTTP,
    "wsgi_test::ProxiedIterableAlreadyHandledTest::test_iterable_app_keeps_socket_open_unless_connection_close_sent": HTTP,
    "wsgi_test::TestChunkedInput::test_chunked_readline": HTTP,
    "wsgi_test::TestChunkedInput::test_chunked_readline_from_input": HTTP,
    "wsgi_test::TestChunkedInput::test_chunked_readline_wsgi_not_override_minimum_chunk_size": HTTP,
    "wsgi_test::TestChunkedInput::test_chunked_readline_wsgi_override_minimum_chunk_size": HTTP,
    "wsgi_test::TestChunkedInput::test_chunked_readlines_from_input": HTTP,
    "wsgi_test::TestChunkedInput::test_dirt": HTTP,
    "wsgi_test::TestChunkedInput::test_short_read": HTTP,
    "wsgi_test::TestChunkedInput::test_short_read_with_content_length": HTTP,
    "wsgi_test::TestChunkedInput::test_short_read_with_zero_content_length": HTTP,
    "wsgi_test::TestHttpd::test_018b_http_10_keepalive_framing": HTTP,
    "wsgi_test::TestHttpd::test_024_expect_100_continue": HTTP,
    "wsgi_test::TestHttpd::test_024b_expect_100_continue_with_headers_multiple_chunked": HTTP,
    "wsgi_test::TestHttpd::test_030_reject_long_header_lines": HTTP,
    "wsgi_test::TestHttpd::test_031_reject_large_headers": HTTP,
    "wsgi_test::TestHttpd::test_aborted_chunked_post": HTTP,
    "wsgi_test::TestHttpd::test_aborted_chunked_post_bad_chunks": HTTP,
    "wsgi_test::TestHttpd::test_aborted_chunked_post_between_chunks": HTTP,
    "wsgi_test::TestHttpd::test_aborted_post_io_error": HTTP,
    "wsgi_test::TestHttpd::test_content_length_and_transfer_encoding_escape_hatch": HTTP,
    "wsgi_test::TestHttpd::test_do_not_close_non_idle_connections": TURN,
    "wsgi_test::TestHttpd::test_error_in_chunked_closes_connection": HTTP,
    "wsgi_test::TestHttpd::test_header_name_capitalization": HTTP,
    "wsgi_test::TestHttpd::test_headers_raw": HTTP,
    "wsgi_test::TestHttpd::test_no_transfer_encoding_in_empty_response": HTTP,
    "wsgi_test::TestHttpd::test_non_latin1_response_header_value_raises": PRIVATE,
    "wsgi_test::TestHttpd::test_server_connection_timeout_exception": PRIVATE,
    "wsgi_test::TestHttpd::test_server_keepalive_sent_in_headers": HTTP,
    "wsgi_test::TestHttpd::test_server_socket_timeout": HTTP,
    "wsgi_test::TestHttpd::test_timeouts_in_app_iter": HTTP,
    "wsgi_test::TestHttpd::test_zero_length_chunked_response": HTTP,
    "zmq_test::TestBlockedThread::test_block": PRIVATE,
    "zmq_test::TestQueueLock::test_count": PRIVATE,
    "zmq_test::TestQueueLock::test_errors": PRIVATE,
    "zmq_test::TestQueueLock::test_nested_acquire": PRIVATE,
    "zmq_test::TestQueueLock::test_queue_lock_order": PRIVATE,
}
