"""What differs from the unpatched interpreter in its own tests, and why.

Each entry is a test that passes unpatched and does not pass patched. An entry that passes after all is reported too,
so that the table can only shrink. Eight apply to 3.11 and 3.12, seven to 3.13, nine to 3.14, eleven to 3.15.
"""

__all__ = ["DIFFERENCES", "MODULES", "PATIENCE", "UNTRIED"]

# Each touches something that patching replaces. Those that an interpreter does not have are left out.
MODULES = [
    "test_asynchat",
    "test_asyncio",
    "test_asyncore",
    "test_bufio",
    "test_concurrent_futures",
    "test_context",
    "test_contextlib",
    "test_docxmlrpc",
    "test_eintr",
    "test_epoll",
    "test_file",
    "test_fileio",
    "test_fork1",
    "test_ftplib",
    "test_httplib",
    "test_httpservers",
    "test_imaplib",
    "test_io",
    "test_kqueue",
    "test_largefile",
    "test_logging",
    "test_multiprocessing_fork",
    "test_multiprocessing_forkserver",
    "test_multiprocessing_main_handling",
    "test_multiprocessing_spawn",
    "test_nntplib",
    "test_os",
    "test_poll",
    "test_popen",
    "test_poplib",
    "test_posix",
    "test_pty",
    "test_queue",
    "test_robotparser",
    "test_sched",
    "test_select",
    "test_selectors",
    "test_signal",
    "test_smtpd",
    "test_smtplib",
    "test_smtpnet",
    "test_socket",
    "test_socketserver",
    "test_ssl",
    "test_subprocess",
    "test_telnetlib",
    "test_tempfile",
    "test_thread",
    "test_threadedtempfile",
    "test_threading",
    "test_threading_local",
    "test_threadsignals",
    "test_time",
    "test_timeout",
    "test_urllib",
    "test_urllib2",
    "test_urllib2_localnet",
    "test_wait3",
    "test_wait4",
    "test_weakref",
    "test_wsgiref",
    "test_xmlrpc",
]

BUSY = "a thread that never waits lets no other green thread run"
NATIVE_ERROR = "C code throws errors at native threads only"
# These would hang, or leave a thread that sleeps for a day, and are not even tried.
UNTRIED = {BUSY, NATIVE_ERROR}
NATIVE_ID = "green threads share a native one, whose number is no secret"
ALONE = "the test expects a warning about a fork beside native threads, and there is only one"
BELOW_TLS = "the test reads the C object below the socket, which never waits: the green socket does"

# Test id: the reason.
DIFFERENCES = {
    "test.test_concurrent_futures.test_thread_pool.ThreadPoolExecutorTest.test_process_fork_from_a_threadpool": ALONE,
    "test.test_multiprocessing_fork.WithProcessesTestFinalize.test_thread_safety": BUSY,
    "test.test_multiprocessing_forkserver.WithProcessesTestFinalize.test_thread_safety": BUSY,
    "test.test_multiprocessing_spawn.WithProcessesTestFinalize.test_thread_safety": BUSY,
    # The same three, by the names of 3.13.
    "test.test_multiprocessing_fork.test_processes.WithProcessesTestFinalize.test_thread_safety": BUSY,
    "test.test_multiprocessing_forkserver.test_processes.WithProcessesTestFinalize.test_thread_safety": BUSY,
    "test.test_multiprocessing_spawn.test_processes.WithProcessesTestFinalize.test_thread_safety": BUSY,
    "test.test_queue.CSimpleQueueTest.test_simplequeue_sizeof": "the items stand in a ring of another layout",
    "test.test_ssl.ThreadedTests.test_got_eof": BELOW_TLS,
    "test.test_threading.InterruptMainTests.test_can_interrupt_tight_loops": BUSY,
    "test.test_threading.ThreadTests.test_PyThreadState_SetAsyncExc_interrupts_sleep": NATIVE_ERROR,
    "test.test_threading.ThreadTests.test_disallow_instantiation": "a lock's type makes locks, as from 3.13 on",
    "test.test_threading.ThreadTests.test_various_ops": NATIVE_ID,
    "test.test_threading.ThreadTests.test_various_ops_large_stack": NATIVE_ID,
    "test.test_threading.ThreadTests.test_various_ops_small_stack": NATIVE_ID,
}

# Seconds without news after which a test hangs, where the harness's own figure is too short.
PATIENCE = {
    # One makes fifty pools of processes.
    "test_concurrent_futures": 240.0,
    "test_multiprocessing_forkserver": 240.0,
}
