"""Replacements of standard types are called, printed and pickled like these types."""

import json

import pytest
from support.child import run_script

PROGRAM = """
    import copy, pickle, re, sys
    if sys.argv[1] == "patched":
        from greenrt import monkey
        monkey.patch_all()
    import _multiprocessing, _queue, _thread, io, queue, select, socket, ssl, subprocess, threading
    made = {
        "lock": threading.Lock(), "early lock": _thread.allocate_lock(), "rlock": threading.RLock(),
        "local": threading.local(), "simple queue": queue.SimpleQueue(), "its other name": _queue.SimpleQueue(),
        "queue": queue.Queue(), "lifo": queue.LifoQueue(), "priority": queue.PriorityQueue(),
        "event": threading.Event(), "condition": threading.Condition(), "semaphore": threading.Semaphore(),
        "bounded": threading.BoundedSemaphore(), "barrier": threading.Barrier(2), "thread": threading.Thread(),
        "timer": threading.Timer(1, print), "socket": socket.socket(), "epoll": select.epoll(),
        "poll": select.poll(), "raw file": io.FileIO("/dev/null"), "reader": io.BufferedReader(io.BytesIO()),
        "writer": io.BufferedWriter(io.BytesIO()), "both": io.BufferedRandom(io.BytesIO()),
        "pair": io.BufferedRWPair(io.BytesIO(), io.BytesIO()),
    }
    if hasattr(_thread, "_ThreadHandle"): made["handle"] = _thread._ThreadHandle()
    held = made["held"] = threading.RLock()
    held.acquire()
    held.acquire()
    def attempt(function, thing):
        try: function(thing)
        except Exception as error: return type(error).__name__
    def plain(text):
        text = text.replace(str(threading.get_ident()), "IDENT")
        return re.sub("0x[0-9a-f]+|fd=[0-9]+", "0x", text)
    for name, thing in made.items():
        kind = type(thing)
        print(name, kind.__module__, kind.__name__, plain(repr(thing)), attempt(pickle.dumps, thing))
    for kind in (type(made["rlock"]), threading.local, queue.SimpleQueue, queue.Queue, socket.socket, ssl.SSLSocket,
                 subprocess.Popen, threading.Thread, threading.Event, select.epoll, _multiprocessing.SemLock):
        print(kind.__module__, kind.__qualname__, repr(kind), pickle.loads(pickle.dumps(kind)) is kind)
    for kind in (type(made["rlock"]), threading.local, queue.SimpleQueue):
        print(kind.__doc__)
    print(select.poll.__module__, select.poll.__qualname__, select.select.__module__, select.epoll.poll.__qualname__)
    print([attempt(copy.copy, made[name]) for name in ("lock", "rlock", "local", "simple queue")])
    print(isinstance(made["lock"], _thread.LockType), isinstance(made["rlock"], _thread.RLock),
          isinstance(made["simple queue"], queue.SimpleQueue), type(made["lock"]) is type(made["early lock"]),
          isinstance(made["local"], threading.local))
    print(isinstance(open("/dev/null", "rb"), io.BufferedReader), isinstance(made["pair"], io.BufferedReader))
"""


def test_types_have_their_standard_names() -> None:
    patched, _ = run_script(PROGRAM, "patched")
    plain, _ = run_script(PROGRAM, "plain")
    assert patched.splitlines() == plain.splitlines()


METHODS = """
    import json, sys
    if sys.argv[1] == "patched":
        from greenrt import monkey
        monkey.patch_all()
    import concurrent.futures, queue, sched, selectors, socket, ssl, subprocess, threading
    kinds = (socket.socket, ssl.SSLSocket, subprocess.Popen, threading.Event, threading.Condition, threading.Thread,
             threading.Barrier, queue.Queue, concurrent.futures.Future, sched.scheduler, selectors.EpollSelector)
    print(json.dumps({f"{kind.__name__}.{name}": [method.__module__, method.__qualname__, method.__name__]
                      for kind in kinds for name, method in vars(kind).items()
                      if callable(method) and not isinstance(method, type)}))
"""


def test_methods_of_standard_classes_have_their_names() -> None:
    patched, plain = (json.loads(run_script(METHODS, way)[0]) for way in ("patched", "plain"))
    # Patching adds methods that the standard class inherits from a C class.
    assert {name: patched[name] for name in plain} == plain


MAIN_ONLY = """
    import sys
    patched = sys.argv[1] == "patched"
    if patched:
        from greenrt import monkey
        monkey.patch_all()
    import asyncio, os, signal, threading, unittest
    def attempt(name, function):
        try: function()
        except Exception as error: print(name, type(error).__name__, error)
        else: print(name, "works")
    async def add_handler():
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, print)
    def everything():
        attempt("signal", lambda: signal.signal(signal.SIGUSR1, signal.getsignal(signal.SIGUSR1)))
        attempt("wakeup", lambda: signal.set_wakeup_fd(signal.set_wakeup_fd(-1)))
        attempt("asyncio", lambda: asyncio.run(add_handler()))
        attempt("unittest", unittest.installHandler)
        attempt("siginterrupt", lambda: signal.siginterrupt(signal.SIGUSR1, True))
        attempt("alarm", lambda: signal.alarm(0))
        attempt("timer", lambda: signal.setitimer(signal.ITIMER_REAL, 0))
        attempt("mask", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, []))
        attempt("number", lambda: signal.signal(1000, 1))
        attempt("handler", lambda: signal.signal(signal.SIGUSR1, "no"))
    everything()
    thread = threading.Thread(target=everything)
    thread.start()
    thread.join()
    # A handler runs in the main thread, whatever it interrupts.
    def handle(number, frame):
        attempt("in a handler", lambda: signal.signal(signal.SIGUSR2, signal.SIG_DFL))
    signal.signal(signal.SIGUSR2, handle)
    def send():
        os.kill(os.getpid(), signal.SIGUSR2)
        while signal.getsignal(signal.SIGUSR2) is not signal.SIG_DFL: sum(range(100))
    thread = threading.Thread(target=send)
    thread.start()
    thread.join()
    # A thread that forks is the main thread of the child.
    def fork():
        child = os.fork()
        if not child:
            attempt("in a child", lambda: signal.signal(signal.SIGUSR1, signal.SIG_DFL))
            other = threading.Thread(target=everything)
            other.start()
            other.join()
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)
    sys.stdout.flush()
    if sys.version_info < (3, 12):
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
"""


def test_calls_for_the_main_thread_only() -> None:
    patched, _ = run_script(MAIN_ONLY, "patched")
    plain, _ = run_script(MAIN_ONLY, "plain")
    assert patched.splitlines() == plain.splitlines()


def test_spawned_greenlets_count_as_the_main_thread() -> None:
    run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import signal, threading, greenrt
        def change():
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.set_wakeup_fd(-1)
        greenrt.spawn(change).get()
        # So does a greenlet that a thread spawns.
        thread = threading.Thread(target=lambda: greenrt.spawn(change).get())
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    """)


@pytest.mark.parametrize("kind", ["Queue", "LifoQueue", "PriorityQueue"])
@pytest.mark.parametrize("module", ["queue", "greenrt.green.queue"])
def test_queues_take_their_fast_path(kind: str, module: str) -> None:
    """Operations that need not wait never reach the standard methods."""
    run_script(f"""
        import sys
        from greenrt import monkey
        monkey.patch_all()
        import importlib, threading
        from greenrt.green import _queue_calls
        module = importlib.import_module({module!r})
        def slow(*args): raise AssertionError("the slow path")
        _queue_calls._wait_put = _queue_calls._wait_get = _queue_calls._wait_task_done = slow
        queue = module.{kind}(5)
        for number in range(5): queue.put(number)
        for _ in range(2): queue.get()
        for _ in range(2): queue.get_nowait()
        for _ in range(4): queue.task_done()
        try: queue.put(1); queue.put(1); queue.put(1); queue.put(1); queue.put(1)
        except AssertionError: sys.exit(0)
        sys.exit(1)
    """)
