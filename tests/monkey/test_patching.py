"""The patching API, in child processes: what is replaced, what is reported, and which originals are available."""

from pathlib import Path

import pytest
from support.child import run_script
from support.tls import CERTIFICATE


def test_classes_stay_and_early_names_follow() -> None:
    out, _ = run_script("""
        import select, socket, sys, threading, time, queue, selectors, tempfile, weakref
        from time import sleep
        from socket import getaddrinfo
        def kinds_now():
            return socket.socket, threading.Thread, threading.Event, threading.Condition, queue.Queue
        kinds = kinds_now()
        from select import epoll
        native = [weakref.ref(select.epoll)]
        class Holder: kind = select.epoll
        from greenrt import monkey
        assert not monkey.is_anything_patched()
        assert monkey.patch_all() is True
        assert kinds == kinds_now()
        # On CPython 3.15 and later its methods can't be replaced, so the class is; earlier objects stay.
        assert (select.epoll is native[0]()) == (sys.version_info < (3, 15))
        assert epoll is select.epoll and Holder.kind is select.epoll
        assert sleep is time.sleep and getaddrinfo is socket.getaddrinfo
        assert tempfile._allocate_lock is threading._allocate_lock
        assert vars(selectors.PollSelector)["_selector_cls"] is select.poll
        assert selectors.SelectSelector(), selectors.SelectSelector().select(0)
        for name in "socket select time threading _thread queue ssl os subprocess signal builtins".split():
            assert monkey.is_module_patched(name), name
        for name in ("json",):
            assert not monkey.is_module_patched(name), name
        assert monkey.is_object_patched("time", "sleep") and not monkey.is_object_patched("time", "time")
        print(len(monkey.report()) > 4)
    """)
    assert out == "True\n"


def test_twice_is_once() -> None:
    run_script("""
        import socket, threading, time
        from greenrt import monkey
        monkey.patch_all()
        before = (time.sleep, socket.socket.recv, threading.get_ident, dict(monkey.state._saved))
        monkey.patch_all()
        assert before == (time.sleep, socket.socket.recv, threading.get_ident, dict(monkey.state._saved))
    """)


def test_originals() -> None:
    run_script("""
        import sys, time, socket
        # The name is in a list, because patching rebinds module-level names.
        native = [time.sleep, socket.getaddrinfo]
        from greenrt import monkey
        assert monkey.get_original("time", "sleep") is native[0]
        monkey.patch_all()
        assert time.sleep is not native[0]
        assert monkey.get_original("time", "sleep") is native[0]
        assert monkey.get_original("time", ["sleep", "time"]) == [native[0], time.time]
        pristine = monkey.get_original("socket", "socket")
        assert pristine is not socket.socket and "recv" not in vars(pristine)
        assert monkey.get_original("socket", "getaddrinfo") is native[1]
        lock = monkey.get_original("threading", "Lock")()
        assert type(lock).__module__ == "_thread"
        # They share their functions, and each knows its own.
        copy = "_start_joinable_thread" if sys.version_info >= (3, 13) else "_start_new_thread"
        for module, name in ("_thread", "start_new_thread"), ("threading", copy):
            assert type(monkey.get_original(module, name)).__name__ == "builtin_function_or_method", module
    """)


def test_parts_can_be_left_out() -> None:
    run_script("""
        import socket, time, threading
        before = (socket.getaddrinfo, time.sleep, threading.get_ident)
        from greenrt import monkey
        monkey.patch_all(thread=False, time=False, dns=False)
        assert before == (socket.getaddrinfo, time.sleep, threading.get_ident)
        assert monkey.is_object_patched("socket", "socket")
        monkey.patch_dns()
        assert socket.getaddrinfo is not before[0]
    """)


def test_off_the_main_thread() -> None:
    run_script("""
        import threading
        from greenrt import monkey
        seen = []
        def patch():
            try:
                monkey.patch_all()
            except RuntimeError as error:
                seen.append(str(error))
        thread = threading.Thread(target=patch, name="Worker")
        thread.start(); thread.join()
        assert "main thread" in seen[0] and "Worker" in seen[0], seen
        assert not monkey.is_anything_patched()
    """)


@pytest.mark.parametrize("rival", ["gevent", "eventlet"])
@pytest.mark.parametrize("early", [False, True])
def test_another_runtime_has_patched(rival: str, early: bool) -> None:
    """A stand-in for the runtime is enough. A runtime that is only imported does no harm."""
    run_script(
        """
        import socket, sys, time, types
        package, name = {"gevent": ("gevent", "monkey"), "eventlet": ("eventlet", "patcher")}[sys.argv[1]]
        other = sys.modules[f"{package}.{name}"] = types.ModuleType(name)
        if sys.argv[2] == "True":
            other.saved = {"socket": {}, "time": {}, "_gevent_saved_patch_all_module_settings": {}}
            other.already_patched = {"socket": True, "time": True}
        else:
            other.saved, other.already_patched = {}, {}
        from greenrt import monkey
        if sys.argv[2] == "False":
            monkey.patch_all()
            sys.exit()
        sleep = [time.sleep]
        for patch in (monkey.patch_all, monkey.patch_time):
            try:
                patch()
                raise AssertionError
            except RuntimeError as error:
                assert f"{package} has patched socket, time in this process" in str(error), error
        assert time.sleep is sleep[0] and not monkey.is_anything_patched()
        """,
        rival,
        str(early),
    )


@pytest.mark.parametrize("rival", ["gevent.monkey", "eventlet.patcher"])
@pytest.mark.parametrize("imported", ["before", "after"])
def test_another_runtime_patches_later(rival: str, imported: str, tmp_path: Path) -> None:
    """A library that patches gets an error that names it, by whichever reference it calls the function.

    Importing the runtime is harmless.
    """
    package, module = rival.split(".")
    function = {"gevent": "patch_all", "eventlet": "monkey_patch"}[package]
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(f"from {rival} import {function}\n")
    (tmp_path / package / f"{module}.py").write_text(f"""
saved = already_patched = {{}}
def decorated(function):
    def wrapper(first=1, *, second=2, **options): return function(first, **options)
    return wrapper
def _patch_inside(): {function}_time()
@decorated
def {function}_time(first, **options):
    import time; time.sleep = None
def {function}(socket=True, *, thread=True, **options): _patch_inside()
""")
    (tmp_path / "early.py").write_text(
        f"from {rival} import {function}, {function}_time\ndef patch(): {function}(thread=False)\n"
        f"def patch_time(): {function}_time(5)\n"
    )
    (tmp_path / "library.py").write_text(f"from {rival} import {function}\n{function}(False, thread=False)\n")
    (tmp_path / "other.py").write_text(f"import {package}\n{package}.{function}()\n")
    (tmp_path / "inner.py").write_text(f"import {rival}\n{rival}._patch_inside()\n")
    run_script(
        """
        import importlib, sys, time
        rival, imported, folder = sys.argv[1:]
        sys.path.insert(0, folder)
        if imported == "before":
            importlib.import_module("early")
        from greenrt import monkey
        monkey.patch_all()
        sleep = time.sleep
        early = importlib.import_module("early")
        culprits = {name: lambda name=name: importlib.import_module(name) for name in ("library", "other", "inner")}
        for culprit, patch in (*culprits.items(), ("early", early.patch), ("early", early.patch_time)):
            try:
                patch()
                raise AssertionError(culprit)
            except RuntimeError as error:
                for part in ("greenrt has patched", f"and {culprit} (", f"{culprit}.py:", rival, "remove greenrt's"):
                    assert part in str(error), error
        assert time.sleep is sleep
        """,
        rival,
        imported,
        str(tmp_path),
    )


def test_unknown_arguments() -> None:
    run_script("""
        import time
        from greenrt import monkey
        for wrong in ({"sokcet": False}, {"Event": True, "thraed": True}):
            try:
                monkey.patch_all(**wrong)
                raise AssertionError
            except TypeError as error:
                assert repr(list(wrong)[-1]) in str(error), error
        assert not monkey.is_anything_patched()
    """)


def test_names_of_gevent() -> None:
    """The names of gevent's module; those without a meaning here do nothing."""
    run_script("""
        import sys, warnings
        from greenrt import monkey
        warnings.filterwarnings("ignore", category=monkey.MonkeyPatchWarning)
        streams = sys.stdin, sys.stdout, sys.stderr
        monkey.patch_sys(stdin=True, stdout=False)
        monkey.patch_builtins(); monkey.patch_contextvars(); monkey.patch_selectors(aggressive=False)
        assert streams == (sys.stdin, sys.stdout, sys.stderr) and not monkey.is_anything_patched()
        monkey.patch_all(sys=True, builtins=False, contextvars=False, aggressive=False, Event=False)
        assert streams == (sys.stdin, sys.stdout, sys.stderr)
    """)


def test_patch_module_for_others() -> None:
    run_script("""
        from types import ModuleType
        from greenrt import monkey
        target, source, copier = ModuleType("target"), ModuleType("source"), ModuleType("copier")
        import sys
        sys.modules["copier"] = copier
        target.call = len
        copier.call = object()
        target.call = copier.call
        source.call = source.other = print
        try:
            monkey.patch_module(target, source)
        except AttributeError as error:
            assert "__implements__" in str(error)
        monkey.patch_module(target, source, ["call"])
        assert target.call is copier.call is print and not hasattr(target, "other")
    """)


def test_sockets_made_before() -> None:
    out, _ = run_script("""
        import socket, threading
        class Early(socket.socket):
            pass
        a, b = socket.socketpair()
        early = Early(fileno=b.detach())
        from greenrt import monkey
        monkey.patch_all()
        turns = []
        def count():
            import time
            for _ in range(5):
                turns.append(1)
                time.sleep(0.005)
            a.sendall(b"done")
        threading.Thread(target=count).start()
        print(early.recv(10), len(turns))
        early.close(); a.close()
    """)
    assert out == "b'done' 5\n"


def test_tls_sockets_made_before() -> None:
    run_script(
        f"""
        import socket, ssl
        server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_context.load_cert_chain({str(CERTIFICATE)!r})
        client_context = ssl.create_default_context(cafile={str(CERTIFICATE)!r})
        def wrapped():
            near, far = socket.socketpair()
            return (
                client_context.wrap_socket(near, server_hostname="localhost", do_handshake_on_connect=False),
                server_context.wrap_socket(far, server_side=True, do_handshake_on_connect=False),
            )
        one = wrapped()
        listener = server_context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        class Mine(ssl.SSLSocket):
            pass
        from greenrt import monkey
        monkey.patch_all()
        import threading
        def accept():
            with listener.accept()[0] as connection:
                connection.sendall(b"x")
        for client, server in (one, wrapped()):
            threading.Thread(target=lambda: (server.do_handshake(), server.sendall(server.recv(5)))).start()
            client.do_handshake()
            client.sendall(b"hello")
            assert client.recv(5) == b"hello"
            assert client.gettimeout() is None and client.getblocking()
            client.close()
            server.close()
        threading.Thread(target=accept).start()
        client_context.sslsocket_class = Mine
        with client_context.wrap_socket(socket.socket(), server_hostname="localhost") as client:
            client.settimeout(20)
            client.connect(listener.getsockname())
            assert client.recv(1) == b"x" and client.gettimeout() == 20 and type(client) is Mine
        listener.close()
        """
    )


def test_locks_made_before() -> None:
    run_script("""
        import logging, threading, concurrent.futures.thread as executors
        handler = logging.StreamHandler()
        free, held = threading.Lock(), threading.Lock()
        import sys, types
        module = types.ModuleType("theirs")
        module.free, module.held = free, held
        sys.modules["theirs"] = module
        held.acquire()
        del free, held
        from greenrt import monkey
        import greenrt
        monkey.patch_all()
        assert isinstance(module.free, greenrt.Lock)
        assert not isinstance(module.held, greenrt.Lock)
        assert any("theirs.held" in line for line in monkey.report())
        assert isinstance(handler.lock, greenrt.RLock)
        assert isinstance(logging._lock, greenrt.RLock)
        assert isinstance(executors._global_shutdown_lock, greenrt.Lock)
    """)


def test_after_gc_freeze() -> None:
    run_script("""
        import gc, threading
        before = threading.Lock()
        class Holder: pass
        frozen = Holder()
        frozen.later = None
        gc.freeze()
        later = [threading.Lock()]
        frozen.later = later[0]
        from greenrt import monkey
        import greenrt
        monkey.patch_all()
        assert isinstance(threading.Lock(), greenrt.Lock)
        assert not isinstance(before, greenrt.Lock)
        # The search finds the lock, and the list that holds it, but not the other holder.
        assert isinstance(later[0], greenrt.Lock)
        assert not isinstance(frozen.later, greenrt.Lock)
        lines = [line for line in monkey.report() if line.startswith("gc.freeze()")]
        assert lines[0].startswith("gc.freeze() was called before patching and hides "), lines
        assert lines[0].endswith("stay native, and so do later ones that these objects refer to"), lines
        assert lines[1].endswith(" objects: copies of functions in them are not listed"), lines
    """)
    run_script("""
        from greenrt import monkey
        monkey.patch_all()
        assert not any("gc.freeze" in line for line in monkey.report())
    """)
    run_script("""
        import gc, time
        kept = [time.sleep]
        from greenrt import monkey
        monkey.patch_all()
        assert any(line.startswith("not reached: time.sleep") for line in monkey.report())
        gc.freeze()
        lines = [line for line in monkey.report() if not line.startswith("patched")]
        assert len(lines) == 1 and lines[0].startswith("gc.freeze() hides "), lines
    """)


@pytest.mark.parametrize(
    "place",
    [
        "box.lock",
        "box.again",
        "box.condition",
        "slotted.lock",
        "Box.shared",
        "things['lock']",
        "things['list'][0]",
        "closed()",
        "by_default()",
        "box.cached",
    ],
)
def test_locks_of_objects_made_before(place: str) -> None:
    """The locks must be green.

    A native lock would block all green threads; a native RLock would admit all, because they are one native thread.
    """
    run_script(
        """
        import sys, threading, time
        class Box:
            shared = threading.RLock()
        class Slotted:
            __slots__ = ("lock",)
        box, slotted = Box(), Slotted()
        box.lock, box.again, box.condition = threading.Lock(), threading.RLock(), threading.Condition()
        box.cached = threading.Condition(box.lock)
        slotted.lock = threading.RLock()
        things = {"lock": threading.Lock(), "list": [threading.RLock()]}
        def closing():
            lock = threading.RLock()
            return lambda: lock
        closed = closing()
        def by_default(other=None, lock=threading.RLock()):
            return lock
        from greenrt import monkey
        monkey.patch_all()
        lock = eval(sys.argv[1])
        inside = 0
        def work():
            global inside
            with lock:
                assert inside == 0
                inside = 1
                time.sleep(0.01)
                inside = 0
        failed = []
        threading.excepthook = failed.append
        threads = [threading.Thread(target=work) for _ in range(5)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert not failed
        # The Condition still uses its lock.
        with box.lock:
            assert not box.cached.acquire(False)
        """,
        place,
    )


def test_locks_that_stay_native_are_reported() -> None:
    run_script("""
        import threading
        class Box:
            pass
        box = Box()
        box.held, box.pair = threading.RLock(), (threading.Lock(),)
        other = threading.Lock()
        box.held.acquire()
        class Theirs(threading.Event): pass
        from greenrt import monkey
        monkey.patch_all()
        told = [line for line in monkey.report() if line.startswith("not made green")]
        assert "not made green, since it is held: the lock <__main__.Box object>.held" in told, told
        assert "not made green: the lock in <tuple object>" in told, told
        assert len(told) == 2, told
        box.held.release()
    """)


def test_thread_locals_made_before() -> None:
    run_script("""
        import threading, time
        class Theirs(threading.local): pass
        class Box: pass
        data, box = threading.local(), Box()
        box.data, data.mine = threading.local(), "main"
        from greenrt import monkey
        monkey.patch_all()
        assert data.mine == "main"
        def work(data, number, seen):
            assert not hasattr(data, "mine")
            data.number = number
            time.sleep(0.01)
            seen.append(data.number)
        for each in (data, box.data):
            seen = []
            threads = [threading.Thread(target=work, args=(each, number, seen)) for number in range(5)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert sorted(seen) == list(range(5)), seen
        told = [line for line in monkey.report() if "threading.local" in line]
        assert len(told) == 1 and "__main__.Theirs" in told[0], told
    """)


def test_native_queues_and_semaphores_are_reported() -> None:
    run_script("""
        import multiprocessing, queue
        class Theirs(queue.SimpleQueue): pass
        lock, semaphore = multiprocessing.Lock(), multiprocessing.Semaphore()
        from greenrt import monkey
        monkey.patch_all()
        monkey.patch_all()
        told = [line for line in monkey.report() if not line.startswith("patched")]
        assert len([line for line in told if "2 locks and semaphores of multiprocessing" in line]) == 1, told
        assert len([line for line in told if "__main__.Theirs" in line]) == 1, told
    """)


def test_thread_locals_of_native_threads_stay_and_are_reported() -> None:
    run_script("""
        import threading
        data, ready, go, seen = threading.local(), threading.Event(), threading.Event(), []
        def work():
            data.mine = "worker's"
            ready.set()
            go.wait()
            seen.append(data.mine)
        thread = threading.Thread(target=work)
        thread.start()
        ready.wait()
        from greenrt import monkey
        monkey.patch_all()
        go.set()
        thread.join()
        assert seen == ["worker's"], seen
        assert any("thread-locals were made" in line for line in monkey.report())
    """)


def test_lazy_objects_are_not_asked() -> None:
    """Lazy objects like Django's settings run code of their own for nearly each attribute access."""
    run_script("""
        import threading
        class Lazy:
            def __getattribute__(self, name):
                raise RuntimeError(f"asked for {name}")
        class Proxy:
            __class__ = property(lambda self: 1 / 0)
            def __init__(self): self.lock = threading.RLock()
        lazy, proxy = Lazy(), Proxy()
        object.__setattr__(lazy, "lock", threading.RLock())
        class Holder:
            kept = lazy
        from greenrt import monkey
        import greenrt
        monkey.patch_all()
        assert isinstance(object.__getattribute__(lazy, "lock"), greenrt.RLock)
        assert isinstance(proxy.lock, greenrt.RLock)
    """)


def test_queues_and_executors_made_before() -> None:
    run_script("""
        import concurrent.futures, queue, threading, time
        executor = concurrent.futures.ThreadPoolExecutor(5)
        simple, full = queue.SimpleQueue(), queue.Queue(1)
        simple.put(1)
        full.put(1)
        from greenrt import monkey
        monkey.patch_all()
        assert list(executor.map(lambda n: time.sleep(0.05) or n, range(20))) == list(range(20))
        executor.shutdown()
        for lent in (simple, full):
            threading.Timer(0.05, lent.put, (2,)).start()
            assert [lent.get(timeout=20), lent.get(timeout=20)] == [1, 2]
    """)


def test_an_executor_whose_native_threads_run() -> None:
    """The threads continue; a green thread that waits for them cooperates."""
    run_script("""
        import concurrent.futures, time
        executor = concurrent.futures.ThreadPoolExecutor(2)
        native_sleep = [time.sleep]
        assert executor.submit(pow, 2, 3).result() == 8
        from greenrt import monkey
        monkey.patch_all()
        import greenrt
        ticker = greenrt.spawn(lambda: [greenrt.sleep(0.01) for _ in range(5)])
        def until_it_is_dead():
            while not ticker.dead:
                native_sleep[0](0.01)
        assert executor.submit(until_it_is_dead).result() is None
        assert any("simple queues were made" in line for line in monkey.report())
        executor.shutdown()
    """)


def test_native_threads_keep_blocking() -> None:
    out, _ = run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import queue, threading, time, greenrt
        start = monkey.get_original("_thread", "start_new_thread")
        jobs, answers = queue.Queue(), queue.Queue()
        def native():
            # No hub here: all of this blocks the native thread.
            while (job := jobs.get()) is not None:
                time.sleep(0.01)
                answers.put((job * 2, type(threading.current_thread()).__name__))
        start(native, ())
        for number in range(3):
            jobs.put(number)
        print([answers.get(timeout=10) for _ in range(3)])
        jobs.put(None)
    """)
    assert out == "[(0, '_DummyThread'), (2, '_DummyThread'), (4, '_DummyThread')]\n"


def test_a_dummy_thread_does_not_complain_at_the_end() -> None:
    _, err = run_script(
        """
        from greenrt import monkey; monkey.patch_all()
        import greenrt, threading
        greenrt.spawn(threading.current_thread).join()
        """
    )
    assert err == ""


def test_dummy_threads_do_not_pile_up() -> None:
    out, _ = run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import gc, greenrt, threading
        def ask():
            return threading.current_thread().name
        names = [greenrt.spawn(ask).get() for _ in range(200)]
        gc.collect()
        # The hub that ran the last greenlet may still refer to it.
        print(names[0].startswith("Dummy"), len(threading.enumerate()) <= 2)
    """)
    assert out == "True True\n"


@pytest.mark.parametrize("before", ["", "import threading, logging, queue, concurrent.futures, asyncio"])
def test_dummy_threads_of_native_threads_go_with_these(before: str) -> None:
    """From CPython 3.13 on, a finalizer removes the threads, with a lock as its default argument."""
    out, _ = run_script(f"""
        {before}
        from greenrt import monkey
        monkey.patch_all()
        import sys, threading, time

        print([line for line in monkey.report() if not line.startswith("patched:")])
        start = monkey.get_original("_thread", "start_new_thread")
        went = []
        def native():
            went.append(threading.current_thread())
        for _ in range(5):
            start(native, ())
        def known():
            return [thread for thread in threading.enumerate() if thread in went]
        deadline = time.monotonic() + 20
        while len(went) < 5 or (sys.version_info >= (3, 13) and known() and time.monotonic() < deadline):
            time.sleep(0.01)
        print([type(thread).__name__ for thread in went] == ["_DummyThread"] * 5)
        print(sys.version_info < (3, 13) or known() == [])
    """)
    assert out == "[]\nTrue\nTrue\n"


def test_threads_start_with_an_empty_context() -> None:
    run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import contextvars, greenrt, threading
        variable = contextvars.ContextVar("variable", default="none")
        variable.set("main")
        seen = []
        thread = threading.Thread(target=lambda: seen.append(variable.get()))
        thread.start(); thread.join()
        assert seen == ["none"], seen
        assert greenrt.spawn(variable.get).get() == "main"
    """)


def test_many_threads_on_one_native_thread() -> None:
    out, _ = run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import os, threading, time
        before = len(os.listdir("/proc/self/task"))
        go = threading.Event()
        threads = [threading.Thread(target=go.wait) for _ in range(2000)]
        for thread in threads: thread.start()
        print(len(os.listdir("/proc/self/task")) - before, threading.active_count())
        go.set()
        for thread in threads: thread.join()
    """)
    assert out == "0 2001\n"


def test_a_deadlock_explains_itself() -> None:
    _, err = run_script(
        """
        from greenrt import monkey
        monkey.patch_all()
        import queue, threading
        never = queue.Queue()
        threading.Thread(target=never.get, name="waits").start()
        never.join() or never.get()
        """,
        code=1,
    )
    assert "would block forever" in err
    assert "waits on" in err


def test_defaults_follow_and_classes_may_hold_patched_functions() -> None:
    run_script("""
        import sys, time, types
        early = types.ModuleType("early")
        sys.modules["early"] = early
        exec('''if True:
            import time
            def nap(seconds, sleep=time.sleep, *, again=time.sleep):
                return sleep, again
            class Napper:
                rest = time.sleep
                registry = {"nap": time.sleep, "made by": ("nap", time.sleep)}
                def nap(self, sleep=time.sleep):
                    return sleep
        ''', early.__dict__)
        from greenrt import monkey
        monkey.patch_all()
        assert early.nap(0) == (time.sleep, time.sleep)
        assert early.Napper().nap() is time.sleep
        early.Napper().rest(0)
        assert early.Napper.registry == {"nap": time.sleep, "made by": ("nap", time.sleep)}
        class Late:
            # Like the builtin, it is an attribute, not a method.
            rest = time.sleep
        Late().rest(0)
    """)


def test_builtin_functions_are_replaced_by_builtin_functions() -> None:
    """In the compiled build, a patched call is the green one, and costs no more."""
    run_script("""
        import types
        import greenrt
        from greenrt import monkey
        monkey.patch_all()
        import inspect, os, time
        from greenrt.green import os as green_os, time as green_time
        wanted = str(inspect.signature(monkey.get_original("os", "dup2")))
        assert greenrt.__build__ == "pure" or str(inspect.signature(os.dup2)) == wanted
        for patched, green in [(time.sleep, green_time.sleep), (os.write, green_os.write)]:
            assert patched is not monkey.get_original(patched.__module__, patched.__name__)
            assert greenrt.__build__ == "pure" or patched is green and type(green) is types.BuiltinFunctionType
    """)


@pytest.mark.parametrize("backend", ["", "poll"])
def test_waiting_imports_nothing(backend: str) -> None:
    """In the middle of an import Ctrl-C may be lost."""
    run_script(f"""
        import os
        os.environ["GREENRT_BACKEND"] = "{backend}"
        from greenrt import monkey
        monkey.patch_all()
        import socket, sys, threading, time
        before = set(sys.modules)
        time.sleep(0.001)
        a, b = socket.socketpair()
        threading.Thread(target=a.send, args=(b"x",)).start()
        b.recv(1)
        assert set(sys.modules) == before, set(sys.modules) - before
    """)


def test_a_fork_leaves_the_other_threads_behind() -> None:
    """Like native threads, they exist only in the parent and run nothing in the child."""
    out, _ = run_script("""
        import os, threading, time
        from greenrt import monkey
        monkey.patch_all()
        def tick(name):
            try:
                for _ in range(50):
                    time.sleep(0.002)
                    os.write(1, b"" if os.getpid() == parent else b"a thread runs in the child")
            finally:
                os.write(1, b"" if os.getpid() == parent else b"a thread ended in the child")
        parent = os.getpid()
        lock = threading.Lock()
        lock.acquire()
        threads = [threading.Thread(target=tick, args=(name,)) for name in range(3)]
        threads += [threading.Thread(target=lock.acquire)]
        for thread in threads:
            thread.start()
        time.sleep(0.01)
        pid = os.fork()
        if pid == 0:
            assert threading.active_count() == 1
            time.sleep(0.2)
            made = threading.Thread(target=lambda: os.write(1, b"child "))
            made.start()
            made.join()
            lock.release()
            assert lock.acquire(timeout=1)
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        lock.release()
        for thread in threads:
            thread.join()
        print("parent")
    """)
    assert out == "child parent\n"


def test_a_thread_that_forks_is_all_there_is_in_the_child() -> None:
    out, err = run_script("""
        import os, threading, time
        from greenrt import monkey
        monkey.patch_all()
        ends = []
        def fork(leave):
            pid = os.fork()
            if pid == 0:
                assert threading.current_thread() is threading.main_thread()
                time.sleep(0.05)
                os.write(1, b"child ")
                if leave:
                    os._exit(3)
                return
            ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        for leave in (True, False):
            thread = threading.Thread(target=fork, args=(leave,))
            thread.start()
            while thread.is_alive():
                time.sleep(0.01)
        print(ends)
    """)
    assert out == "child child [3, 0]\n"
    assert err == ""


def test_patch_all_looks_for_copies_once() -> None:
    """Each sweep inspects all modules: 12 sweeps took two thirds of the time of patching."""
    out, _ = run_script("""
        from time import sleep
        from os import read
        from socket import getaddrinfo
        from greenrt import monkey
        from greenrt.monkey import state

        swept = []
        sweep = state.sweep
        state.sweep = lambda pairs: (swept.append(len(pairs)), sweep(pairs))
        monkey.patch_all()
        import os, socket, time
        print(len(swept), sleep is time.sleep, read is os.read, getaddrinfo is socket.getaddrinfo)
        monkey.patch_all()
        print(len(swept))
        print(monkey.get_original("os", "read") is not os.read)
    """)
    assert out == "1 True True True\n1\nTrue\n"


def test_what_fails_in_patch_all_leaves_no_copies_behind() -> None:
    out, _ = run_script("""
        from time import sleep
        from greenrt import monkey
        from greenrt.monkey import patches

        def fails():
            raise LookupError
        patches.patch_ssl = fails
        try:
            monkey.patch_all()
        except LookupError:
            import time
            print(sleep is time.sleep, monkey.is_object_patched("time", "sleep"))
    """)
    assert out == "True True\n"


def test_twins_that_are_older_than_patching_are_no_findings() -> None:
    """Such functions keep originals as defaults, like `_internal_poll`, which never waits."""
    out, _ = run_script("""
        from greenrt.green import select, selectors, socket, ssl, subprocess, thread, threading, queue, os
        from greenrt import monkey
        monkey.patch_all()
        print([line for line in monkey.report() if not line.startswith("patched:")])
    """)
    assert out == "[]\n"


def test_copies_that_no_sweep_finds_are_reported() -> None:
    run_script("""
        import functools, os, time
        import asyncio, concurrent.futures, http.server, logging, multiprocessing.pool, subprocess, xmlrpc.server
        table, listed, part = {"nap": time.sleep}, [time.sleep], functools.partial(os.read, 3)
        class Napper:
            def __init__(self):
                self.nap = time.sleep
        napper = Napper()
        def enclose(nap):
            return lambda: nap(1)
        enclosed = enclose(time.sleep)
        from greenrt import monkey
        monkey.patch_all()
        told = [line for line in monkey.report() if not line.startswith("patched")]
        assert told == [
            "not reached: os.read: in <functools.partial object>",
            "not reached: time.sleep: <__main__.Napper object>.nap",
            "not reached: time.sleep: <dict object>.nap",
            "not reached: time.sleep: in a closure",
            "not reached: time.sleep: in a list",
        ], told
    """)
