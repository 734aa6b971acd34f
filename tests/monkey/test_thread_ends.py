"""Threads, green or native, started and joined by either, end and are joined alike under patching."""

import re

import pytest
from support.child import run_script

PREAMBLE = """
    from greenrt import monkey
    monkey.patch_all()
    start_native = monkey.get_original("_thread", "start_new_thread")
    import itertools, sys, threading, time
    import greenrt
    pool = greenrt.get_hub().threadpool

    class Native:
        '''A native thread that CPython's own function has started; `wait` is cooperative.'''
        def __init__(self, function):
            self.ended, self.error = greenrt.Event(), None
            start_native(self.run, (function,))
        def run(self, function):
            try: function()
            except BaseException as error: self.error = error
            self.ended.set()
        def wait(self):
            assert self.ended.wait(20)
            if self.error is not None: raise self.error

    class Pooled:
        '''A call in a thread of the hub's pool.'''
        def __init__(self, function): self.result = pool.spawn(function)
        def wait(self): self.result.get(timeout=20)

    class WithHub(Pooled):
        '''The same; the thread has a hub.'''
        def __init__(self, function):
            def run():
                greenrt.get_hub()
                function()
            Pooled.__init__(self, run)

    class Spawned:
        '''A spawned greenlet of the main thread.'''
        def __init__(self, function): self.greenlet = greenrt.spawn(function)
        def wait(self): self.greenlet.get(timeout=20)

    class Green:
        '''A green thread.'''
        def __init__(self, function):
            self.error = None
            self.thread = threading.Thread(target=self.run, args=(function,))
            self.thread.start()
        def run(self, function):
            try: function()
            except BaseException as error: self.error = error
        def wait(self):
            self.thread.join(20)
            assert not self.thread.is_alive()
            if self.error is not None: raise self.error

    KINDS = [Native, Pooled, WithHub, Spawned, Green]
"""


def run(text: str, **named: object) -> tuple[str, str]:
    script = PREAMBLE.replace("\n    ", "\n") + "\n" + "\n".join(line[4:] for line in text.splitlines())
    return run_script(script, **named)  # type: ignore[arg-type]


@pytest.mark.parametrize("daemon", [False, True])
def test_any_number_of_joiners_of_any_kind_with_any_timeouts(daemon: bool) -> None:
    """A joiner without a timeout finds the thread ended; others find out by joining again."""
    run(f"""
    def check(starter, timeouts):
        gate, started, threads = greenrt.Event(), greenrt.Event(), []
        def body():
            started.set()
            assert gate.wait(20)
        def start():
            thread = threading.Thread(target=body, daemon={daemon})
            thread.start()
            threads.append(thread)
        starter(start).wait()
        thread, = threads
        assert started.wait(20) and thread.is_alive()
        def join(timeout):
            thread.join(timeout)
            if timeout in (-1, 0, 1e-9, 0.01):
                assert thread.is_alive() or gate.is_set()
                thread.join()
            assert not thread.is_alive()
            thread.join()
            thread.join(0)
        joiners = [kind(lambda timeout=timeout: join(timeout)) for kind, timeout in zip(KINDS, timeouts)]
        time.sleep(0.002)
        assert thread.is_alive() and thread in threading.enumerate()
        gate.set()
        for joiner in joiners: joiner.wait()
        thread.join()
        assert not thread.is_alive() and thread not in threading.enumerate()

    TIMEOUTS = [None, 0, 1e-9, 0.01, 20, -1]
    for starter in KINDS:
        for first in range(len(TIMEOUTS)):
            check(starter, list(itertools.islice(itertools.cycle(TIMEOUTS), first, first + len(KINDS))))
        check(starter, [None] * len(KINDS))
    """)


def test_what_builds_on_threads_works_in_native_threads() -> None:
    out, _ = run("""
    from concurrent.futures import ThreadPoolExecutor
    from multiprocessing.pool import ThreadPool
    def use():
        with ThreadPoolExecutor(3) as executor:
            assert list(executor.map(abs, range(-9, 0))) == list(range(9, 0, -1))
        with ThreadPool(2) as workers:
            assert workers.map(abs, range(-9, 0)) == list(range(9, 0, -1))
        workers.join()
        called = []
        timer = threading.Timer(0.01, called.append, (1,))
        timer.start()
        timer.join()
        assert called == [1]
        barrier = threading.Barrier(3)
        threads = [threading.Thread(target=barrier.wait) for _ in range(3)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    for kind in KINDS:
        kind(use).wait()
        print(kind.__name__)
    """)
    assert out.split() == ["Native", "Pooled", "WithHub", "Spawned", "Green"]


def test_a_join_returns_when_no_code_of_the_native_thread_runs_any_more() -> None:
    """The finalizers of its thread-locals have run."""
    run("""
    data = monkey.get_original("_thread", "_local")()
    def check():
        log = []
        class Slow:
            def __del__(self):
                time.sleep(0.02)
                log.append("finalized")
        def body():
            data.slow = Slow()
        for timeout in (None, 20):
            thread = threading.Thread(target=body)
            thread.start()
            thread.join(timeout)
            assert log.pop() == "finalized" and not log
    for _ in range(3):
        Pooled(check).wait()
        Native(check).wait()
    """)


def test_an_error_thrown_at_a_join_does_not_end_the_thread() -> None:
    run("""
    def check():
        gate = greenrt.Event()
        thread = threading.Thread(target=gate.wait, args=(20,))
        thread.start()
        for error in (greenrt.Timeout, ZeroDivisionError):
            try:
                with greenrt.Timeout(0.01, None if error is greenrt.Timeout else error):
                    thread.join()
                raise AssertionError
            except error: pass
            assert thread.is_alive()
        killed = greenrt.spawn(thread.join)
        greenrt.sleep(0.01)
        killed.kill()
        assert thread.is_alive()
        gate.set()
        thread.join()
        assert not thread.is_alive()
    check()
    WithHub(check).wait()
    """)


@pytest.mark.parametrize("joiner", ["Green", "Native", "Pooled", "Spawned"])
@pytest.mark.parametrize("timeout", ["None", "20"])
def test_threads_join_the_main_thread(joiner: str, timeout: str) -> None:
    """Non-daemon threads delay the end of the process; daemon threads may end before they print."""
    run(f"""
    import atexit
    def join():
        threading.main_thread().join(0)
        assert threading.main_thread().is_alive()
        threading.main_thread().join({timeout})
        assert not threading.main_thread().is_alive()
        done.append(1)
    done = []
    several = [{joiner}(join) for _ in range(3)]
    last = threading.Thread(target=join)
    last.start()
    atexit.register(lambda: sys.stdout.write(f"{{len(done) >= 1}}"))
    time.sleep(0.01)
    """)


def test_the_end_waits_for_native_threads_that_are_no_daemons() -> None:
    """The threads may need greenlets of the main thread in order to end."""
    out, _ = run("""
    def start():
        # threading treats the pool's threads as daemons, and so the threads that they start.
        threading.Thread(target=body, args=("native",), daemon=False).start()
        threading.Thread(target=body, args=("daemon",), daemon=True).start()
    def body(name):
        if name == "daemon": time.sleep(20)
        assert gate.wait(20)
        time.sleep(0.02)
        sys.stdout.write(name + "\\n")
    gate = greenrt.Event()
    Pooled(start).wait()
    threading.Thread(target=body, args=("green",)).start()
    greenrt.spawn_later(0.02, gate.set)
    """)
    assert sorted(out.split()) == ["green", "native"]


def test_threads_made_before_patching() -> None:
    """Threads started after patching are green; joining the earlier ones does not block other greenlets."""
    out, _ = run_script("""
        import threading, time
        def work():
            time.sleep(0.01)
            print("worked", flush=True)
        thread, timer = threading.Thread(target=work), threading.Timer(0.01, work)
        stop = []
        sleep = [time.sleep]
        def native():
            while not stop: sleep[0](0.001)
        running = [threading.Thread(target=native, daemon=daemon) for daemon in (False, True)]
        for each in running: each.start()
        from greenrt import monkey
        monkey.patch_all()
        for each in (thread, timer):
            each.start()
            each.join()
            assert not each.is_alive()
        threading.Timer(0.02, stop.append, (1,)).start()
        running[0].join(1e-9)
        assert running[0].is_alive()
        for each in running:
            each.join()
            assert not each.is_alive()
    """)
    assert out.split() == ["worked", "worked"]


def test_an_identity_that_is_used_again() -> None:
    """A thread may join an ended thread that had the same ident."""
    run("""
    import _thread
    if hasattr(_thread, "start_joinable_thread"):
        ended = [_thread.start_joinable_thread(lambda: None) for _ in range(50)]
        time.sleep(0.01)
        def join():
            for handle in ended: handle.join()
        for _ in range(50): Green(join).wait()
    """)


def test_handles_refuse_what_cpython_refuses() -> None:
    program = """
        import sys, _thread, threading
        if sys.argv[1] == "patched":
            from greenrt import monkey
            monkey.patch_all()
        if hasattr(_thread, "start_joinable_thread"):
            gate = threading.Lock()
            gate.acquire()
            handle = _thread.start_joinable_thread(gate.acquire)
            for wrong in ("1", float("nan"), 1e300, [], 2**70):
                try: print(handle.join(wrong))
                except Exception as error: print(type(error).__name__)
            print(handle.join(0), handle.join(1e-9), handle.is_done())
            for wrong in (lambda: _thread.start_joinable_thread(1),
                          lambda: _thread.start_joinable_thread(print, 1),
                          lambda: _thread.start_joinable_thread(print, handle),
                          lambda: handle.join(timeout=1)):
                try: print(wrong())
                except Exception as error: print(type(error).__name__, str(error).split("(")[0])
            gate.release()
            handle.join()
            print(handle.is_done(), handle.join(-1), repr(handle).split("=")[0])
    """
    assert run_script(program, "patched") == run_script(program, "plain")


def test_an_error_in_a_thread_without_a_thread_object() -> None:
    program = """
        import sys, _thread, time
        if sys.argv[1] == "patched":
            from greenrt import monkey
            monkey.patch_all()
        def fail(): 1 / 0
        seen = []
        class Errors:
            def write(self, text): seen.append(text)
            def flush(self): pass
        errors, sys.stderr = sys.stderr, Errors()
        _thread.start_new_thread(fail, ())
        # The hook has to import the module that formats a traceback.
        while "ZeroDivisionError: division by zero\\n" not in "".join(seen): time.sleep(0.01)
        sys.stderr = errors
        errors.write("".join(seen))
        def hook(args):
            print(args.exc_type, args.exc_value, args.err_msg, args.object)
            seen.clear()
        sys.unraisablehook = hook
        _thread.start_new_thread(fail, ())
        while seen: time.sleep(0.01)
    """

    def ran(how: str) -> list[str]:
        out, errors = run_script(program, how)
        return re.sub("0x[0-9a-f]+", "0x", out).splitlines() + [
            line for line in re.sub("0x[0-9a-f]+", "0x", errors).splitlines() if not line.startswith("  ")
        ]

    assert ran("patched") == ran("plain")
