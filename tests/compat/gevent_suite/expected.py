"""What differs from gevent in gevent's own tests, and why.

Each entry passes over gevent and does not pass over greenrt. An entry that passes after all is reported too, so that
the table can only shrink.
"""

__all__ = ["DIFFERENCES", "FILES", "UNSTABLE"]

INSIDE = "it tests the inside of gevent: private names, or classes that stand in for them"
HUB_LOOP = "it replaces the loop of a hub by an object of its own"
LIBEV = "it tests details of libev's watchers and loops"
AUTO = "the default resolver is greenrt's, not the C library in threads"
ARES = "it sets options of c-ares; greenrt's resolver follows resolv.conf"
DESTROY = "a destroyed hub closes its loop, and the next hub has a new one"
READY = "what is ready is taken at once, without a turn of those that waited"
REPR = "the text of a greenlet always has its name, and after its end only the name of its function"
UNSTARTED = "a greenlet that is killed before it has run is dead at once"
COPIES = "patching also replaces the copies of functions in other modules, such as the test's own"
PATCHING = "patching works in place: classes keep their names, and what already cooperates stays"
NO_WARNING = "patching reaches subclasses and references that exist, so there is nothing to warn of"
HANDLER = "an error of a signal handler is raised in the main greenlet, as in CPython"
MAIN_THREAD = "only the main thread can patch"
HTTP = "greenrt's HTTP engine refuses the message, or answers it as HTTP says"
WATCHERS = "a socket has no watchers, and its methods have the arguments of the standard ones"
THREADS = "any thread may do this here"
COMPILED = "compiled locks have no lines to trace"
NOT_EXC = "only an exception can be thrown"
LAYOUT = "it goes through the modules of gevent's package as it is laid out"
NETWORK = "it asks name servers of the Internet"
DRIVER = "it runs CPython's own tests, as tests/stdlib does"

# Files that are not run: the reason.
FILES = {
    "test___monitor": INSIDE,
    "test___monkey_patching": DRIVER,
    "test__all__": LAYOUT,
    "test__ares_host_result": INSIDE,
    "test__close_backend_fd": LIBEV,
    "test__compat": INSIDE,
    "test__core": LIBEV,
    "test__doctests": LAYOUT,
    "test__examples": "it runs gevent's examples, which its wheel does not have",
    "test__execmodules": LAYOUT,
    "test__socket_dns": NETWORK,
    "test__socket_dns6": NETWORK,
}

# Test id: the reason.
DIFFERENCES = {
    "test___config.TestFunctions.test_validate_invalid": INSIDE,
    "test___config.TestImportableSetting.test_empty_list": INSIDE,
    "test___config.TestImportableSetting.test_get_options": INSIDE,
    "test___config.TestImportableSetting.test_non_string": INSIDE,
    "test___config.TestImportableSetting.test_path_not_supported": INSIDE,
    "test___config.TestResolver.test_default": INSIDE,
    "test___config.TestResolver.test_env": INSIDE,
    "test___config.TestResolver.test_key": INSIDE,
    "test___config.TestResolver.test_set_class": INSIDE,
    "test___config.TestResolver.test_set_str_long": INSIDE,
    "test___config.TestResolver.test_set_str_short": INSIDE,
    "test___ident.TestCExt.test_c_extension": INSIDE,
    "test___ident.TestIdent.test_basic": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_append_mode_at_once": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_atomicwrite_fd": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_buffering": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_encoding": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_errors": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_exactly_one": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_mode": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_mode_U_cannot_be_combined": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_take_a_newline": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_take_an_encoding": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_take_an_errors": INSIDE,
    "test__fileobject.TestGreenOpenDescripton.test_text_and_binary": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_append_mode_at_once": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_atomicwrite_fd": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_buffering": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_encoding": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_errors": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_exactly_one": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_mode": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_mode_U_cannot_be_combined": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_take_a_newline": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_take_an_encoding": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_take_an_errors": INSIDE,
    "test__fileobject.TestOpenDescriptor.test_text_and_binary": INSIDE,
    "test__greenlet.TestBasic.test_minimal_ident_parent_not_hub": INSIDE,
    "test__greenlet.TestCExt.test_c_extension": INSIDE,
    "test__hub.TestLoopInterface.test_callback_implements_ICallback": INSIDE,
    "test__hub.TestLoopInterface.test_callback_ts_implements_ICallback": INSIDE,
    "test__hub.TestLoopInterface.test_implemensts_ILoop": INSIDE,
    "test__hub.TestPeriodicMonitoringThread.test_blocking_this_thread": INSIDE,
    "test__local.TestCExt.test_c_extension": INSIDE,
    "test__lock.TestRLockMultiThread.test_dueling_threads": INSIDE,
    "test__lock.TestRLockMultiThread.test_dueling_threads_timeout": INSIDE,
    "test__lock.TestRLockMultiThread.test_dueling_threads_with_hub": INSIDE,
    "test__monkey.TestMonkey.test_patch_events": INSIDE,
    "test__monkey_logging": INSIDE,
    "test__monkey_selectors.TestSelectors.test_selectors_select_is_patched": INSIDE,
    "test__os.TestForkAndWatch.test_waitpid_all": INSIDE,
    "test__os.TestOS_nb.test_event_closed_on_read": INSIDE,
    "test__os.TestOS_nb.test_event_closed_on_read_error": INSIDE,
    "test__os.TestOS_nb.test_event_closed_on_write": INSIDE,
    "test__os.TestOS_nb.test_event_closed_on_write_error": INSIDE,
    "test__pool.PoolBasicTests.test_discard": INSIDE,
    "test__refcount.Test.test_clean_exit": INSIDE,
    "test__refcount.Test.test_timeout_exit": INSIDE,
    "test__resolver_dnspython.TestDnsPython.test_import_dns_no_monkey_patch": INSIDE,
    "test__resolver_dnspython.TestDnsPython.test_import_dns_with_monkey_patch": INSIDE,
    "test__select.TestPossibleCrashes.test_closing_fd_before_selecting": INSIDE,
    "test__select.TestPossibleCrashes.test_closing_fd_while_selecting": INSIDE,
    "test__select.TestPossibleCrashes.test_closing_object_while_polling": INSIDE,
    "test__select.TestPossibleCrashes.test_closing_object_while_selecting": INSIDE,
    "test__semaphore.TestCExt.test_c_extension": INSIDE,
    "test__server.TestDefaultSpawn.test_server_closes_client_sockets": INSIDE,
    "test__server.TestPoolSpawn.test_server_closes_client_sockets": INSIDE,
    "test__server.TestRawSpawn.test_server_closes_client_sockets": INSIDE,
    "test__server_pywsgi.TestDefaultSpawn.test_server_closes_client_sockets": INSIDE,
    "test__server_pywsgi.TestPoolSpawn.test_server_closes_client_sockets": INSIDE,
    "test__server_pywsgi.TestRawSpawn.test_server_closes_client_sockets": INSIDE,
    "test__socket.TestFunctions.test_resolve_ipv6_scope_id": INSIDE,
    "test__socket.TestFunctions.test_wait_timeout": INSIDE,
    "test__subprocess.TestFDs.test_close_fds_brute_force": INSIDE,
    "test__subprocess.TestFDs.test_close_fds_from_path": INSIDE,
    "test__subprocess.TestFDs.test_close_fds_from_path_bad_values": INSIDE,
    "test__subprocess.TestFDs.test_close_fds_no_dir": INSIDE,
    "test__subprocess.TestFDs.test_close_fds_with_dir": INSIDE,
    "test__subprocess.TestPopen.test_exit_ignores_reentrant_call_from_foreign_greenlet": INSIDE,
    "test__subprocess.TestPopen.test_exit_stops_communicating_greenlets_before_closing": INSIDE,
    "test__threadpool.TestBeforeRunTaskFailure.test_caller_gets_exception_and_slot_is_released": INSIDE,
    "test__threadpool.TestBeforeRunTaskFailure.test_queued_task_runs_after_all_workers_fail": INSIDE,
    "test__threadpool.TestPool.test_greenlet_class": INSIDE,
    "test__threadpool.TestPool10.test_greenlet_class": INSIDE,
    "test__threadpool.TestPool2.test_greenlet_class": INSIDE,
    "test__threadpool.TestPool3.test_greenlet_class": INSIDE,
    "test__threadpool.TestThreadResult.test_exception_in_on_async_doesnt_crash": INSIDE,
    "test__threadpool.TestWorkerProfileAndTrace.test_get_profile": INSIDE,
    "test__threadpool.TestWorkerProfileAndTrace.test_get_trace": INSIDE,
    "test__threadpool.TestWorkerProfileAndTrace.test_hooks_set_by_task_are_cleared": INSIDE,
    "test__threadpool.TestWorkerProfileAndTrace.test_profile_called_in_task": INSIDE,
    "test__threadpool.TestWorkerProfileAndTrace.test_setters_not_called_without_hooks": INSIDE,
    "test__threadpool.TestWorkerProfileAndTrace.test_trace_called_in_task": INSIDE,
    "test__api_timeout.Test.test_sleep_calls_update_now": HUB_LOOP,
    "test__api_timeout.Test.test_timeout_calls_update_now": HUB_LOOP,
    "test__event.TestAsyncResultCrossThread.test_cross_thread_callback_can_run_before_scheduling_returns": HUB_LOOP,
    "test__event.TestEventCrossThread.test_cross_thread_callback_can_run_before_scheduling_returns": HUB_LOOP,
    "test__core_async.Test.test": LIBEV,
    "test__core_stat.TestCoreStat.test_unlink": LIBEV,
    "test__core_stat.TestCoreStat.test_watcher_basics": LIBEV,
    "test__core_stat.TestCoreStat.test_write": LIBEV,
    "test__core_timer.Test.test_main": LIBEV,
    "test__core_timer.TestTimerResolution.test_main": LIBEV,
    "test__core_watcher.Test.test_non_callable_after_start": LIBEV,
    "test___config.TestResolver.test_set_through_config": AUTO,
    "test__ares_timeout.TestTimeout.test": ARES,
    "test__destroy.TestDestroyHub.test_destroy_hub": DESTROY,
    "test__event.TestEventBasics.test_wait_while_notifying": READY,
    "test__iwait.Testiwait.test_iwait_nogarbage": READY,
    "test__greenlet.TestStr.test_method": REPR,
    "test__util.TestTree.test_tree": REPR,
    "test__greenletset.Test.test_kill_noblock": UNSTARTED,
    "test__issue2013.TestHublessThreadSemaphore.test_gevent_producer_release_wakes_waiters": COPIES,
    "test__issue2013.TestHublessThreadSemaphore.test_hubless_native_thread_release_wakes_waiters": COPIES,
    "test__issue2013.TestHublessThreadSemaphore.test_owner_thread_release_wakes_waiters": COPIES,
    "test__monkey.TestMonkey.test_os": PATCHING,
    "test__monkey_module_run.TestRun.test_issue_302": PATCHING,
    "test__monkey_module_run.TestRun.test_threadpool_in_patched_after_patch": PATCHING,
    "test__monkey_module_run.TestRun.test_threadpool_in_patched_after_patch_module": PATCHING,
    "test__monkey_module_run.TestRun.test_threadpool_not_patched_after_patch_module": PATCHING,
    "test__monkey_select.TestSelect.test_epoll_removed": PATCHING,
    "test__monkey_selectors.TestSelectors.test_selector_GeventSelector": PATCHING,
    "test__threading_2.ThreadTests.test_join_nondaemon_on_shutdown": PATCHING,
    "test__monkey_ssl_warning2.Test.test_ssl_subclass_and_module_reference": NO_WARNING,
    "test__monkey_ssl_warning3.Test.test_ssl_subclass_and_module_reference": NO_WARNING,
    "test__monkey_sigchld": HANDLER,
    "test__threading_monkey_in_thread.Test.test_patch_in_thread": MAIN_THREAD,
    "test__pywsgi.ChunkedInputTests.test_chunked_readline": HTTP,
    "test__pywsgi.ChunkedInputTests.test_close_before_finished": HTTP,
    "test__pywsgi.ChunkedInputTests.test_dirt": HTTP,
    "test__pywsgi.ChunkedInputTests.test_short_read_with_content_length": HTTP,
    "test__pywsgi.ChunkedInputTests.test_short_read_with_zero_content_length": HTTP,
    "test__pywsgi.TestMultiLineHeader.test_multiline_116": HTTP,
    "test__socket_ex.TestClosedSocket.test": WATCHERS,
    "test__socket_ex.TestRef.test": WATCHERS,
    "test__subprocess.TestPopen.test_subprocess_in_native_thread": THREADS,
    "test__threading_vs_settrace.TestTrace.test_untraceable_lock_uses_different_lock": COMPILED,
    "test__threading_vs_settrace.TestTrace.test_untraceable_lock_uses_same_lock": COMPILED,
    "test__timeout.Test.test_expires_non_exception": NOT_EXC,
}

# Test id: why it passes or fails as the machine is busy or not. Either outcome is accepted.
UNSTABLE = {
    "test__core_timer.TestTimerResolution.test_resolution": "it wants a timer of 1 ms to run in one of 150 turns of "
    "the loop, which do not sleep and mostly take less",
}
