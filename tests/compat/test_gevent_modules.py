"""What gevent's smaller modules do over greenrt: hub, os, fileobject, util, threadpool, backdoor, monitor."""

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from textwrap import dedent

import pytest
from support.child import run_script

import greenrt
from greenrt.compat.gevent import (
    _monitor,
    backdoor,
    core,
    events,
    fileobject,
    hub,
    queue,
    selectors,
    subprocess,
    threadpool,
    util,
)
from greenrt.compat.gevent import os as gevent_os
from greenrt.compat.gevent.resolver import AbstractResolver
from greenrt.errors import Cancelled, InvalidThreadUseError

INSTALL = "from greenrt.compat import install; install('gevent'); "
LONG = 30


class TestHub:
    def test_the_class_of_new_hubs(self) -> None:
        out, _ = run_script(
            f"""
            {INSTALL}
            import gevent, gevent.hub, gevent.core, gevent.threadpool

            class Pool(gevent.threadpool.ThreadPool):
                pass

            class Hub(gevent.hub.Hub):
                threadpool_class = Pool
                threadpool_size = 3

            gevent.hub.set_default_hub_class(Hub)
            hub = gevent.get_hub()
            print(type(hub) is Hub, gevent.hub.get_hub_class() is Hub, type(hub.threadpool) is Pool)
            print(hub.threadpool.maxsize, isinstance(hub.loop, gevent.core.loop), hub.loop.default)
            del hub.threadpool
            print(hub.threadpool is hub.threadpool)
            Hub.NOT_ERROR += (ValueError,)
            gevent.spawn(int, "x").join()
            print(hub.ident_registry.get_ident(hub) == hub.ident_registry.get_ident(hub))
            """
        )
        assert out.splitlines() == ["True True True", "3 True True", "True", "True"]

    def test_cancel_wait(self) -> None:
        made = greenrt.get_hub()
        watcher = made.loop.timer(LONG)

        def wait() -> None:
            made.wait(watcher)

        waiter = greenrt.spawn(wait)
        greenrt.sleep(0.001)
        hub.Hub.cancel_wait(made, watcher, KeyError("gone"), close_watcher=True)  # type: ignore[arg-type]
        with pytest.raises(KeyError, match="gone"):
            waiter.get(timeout=LONG)
        # Nothing waits any more.
        hub.cancel_wait(watcher, KeyError("again"))

    def test_the_waiter_of_a_waiter(self) -> None:
        waiter = hub.Waiter()
        assert waiter.greenlet is None
        assert repr(waiter) == "<Waiter greenlet=None>"
        reader = greenrt.spawn(waiter.get)
        greenrt.sleep(0.001)
        assert waiter.greenlet is reader
        waiter.switch(5)
        assert reader.get(timeout=LONG) == 5
        assert repr(waiter) == "<Waiter greenlet=None value=5>"

    def test_loops_by_flags(self) -> None:
        for flags in ("poll", ["poll"], core.BACKEND_POLL, "signalfd,poll"):
            loop = core.loop(flags, default=False)
            assert isinstance(loop, core.loop)
            assert loop.backend == "poll"
            loop.destroy()
        with pytest.raises(ValueError, match="Invalid backend or flag: nothing"):
            core.loop("nothing")


class TestSpawnTree:
    def test_locals_and_spawners(self) -> None:
        out, _ = run_script(
            f"""
            {INSTALL}
            import gevent, traceback

            def child():
                gevent.getcurrent().spawn_tree_locals["child"] = 1
                return gevent.getcurrent().spawning_greenlet()

            def root():
                gevent.getcurrent().spawn_tree_locals["root"] = 1
                made = gevent.spawn(child)
                made.join()
                return made

            first, second = gevent.spawn(root), gevent.spawn(root)
            inner = first.get()
            print(inner.value is first, inner.spawn_tree_locals is first.spawn_tree_locals, first.spawn_tree_locals)
            second.join()
            print(second.spawn_tree_locals is first.spawn_tree_locals)
            stack = traceback.extract_stack(inner.spawning_stack)
            print([call.name for call in stack][-1:])
            """
        )
        assert out.splitlines() == [
            "True True {'root': 1, 'child': 1}",
            "False",
            "['root']",
        ]

    def test_raw_greenlets(self) -> None:
        out, _ = run_script(
            f"""
            {INSTALL}
            import gevent, gevent.hub

            def root():
                child = gevent.Greenlet(int)
                me = gevent.getcurrent()
                print(child.spawn_tree_locals is me.spawn_tree_locals, child.spawning_greenlet() is me)

            raw = gevent.spawn_raw(root)
            print(raw.spawning_greenlet() is gevent.getcurrent(), gevent.hub.spawn_raw is gevent.spawn_raw)
            gevent.sleep(0.001)
            gevent.config.track_greenlet_tree = False
            print(hasattr(gevent.spawn_raw(int), "spawning_greenlet"))
            """
        )
        assert out.splitlines() == ["True True", "True True", "False"]

    def test_the_tree_after_gc_freeze(self) -> None:
        out, _ = run_script(
            f"""
            {INSTALL}
            import gc, gevent, gevent.util
            kept = gevent.spawn(gevent.sleep, 1000)
            gevent.sleep(0)
            gc.freeze()
            tree = gevent.util.GreenletTree.current_tree()
            print([each.greenlet is kept for each in tree.child_trees])
            """
        )
        assert "True" in out, out

    def test_greenrt_itself_records_nothing(self) -> None:
        out, _ = run_script(
            "import greenrt; g = greenrt.spawn(int); "
            "print(g.spawning_greenlet, g.spawning_stack, g.spawn_tree_locals)"
        )
        assert out == "None None None\n"


class TestOs:
    def test_nonblocking_reads_and_writes(self) -> None:
        reader, writer = os.pipe()
        assert gevent_os.make_nonblocking(reader)
        assert gevent_os.make_nonblocking(reader) is None
        gevent_os.make_nonblocking(writer)
        data = b"x" * 300_000

        def write() -> None:
            sent = 0
            while sent < len(data):
                sent += gevent_os.nb_write(writer, data[sent:])
            os.close(writer)

        sending = greenrt.spawn(write)
        received = b""
        while part := gevent_os.nb_read(reader, 4096):
            received += part
        sending.get(timeout=LONG)
        os.close(reader)
        assert received == data

    def test_reads_in_threads(self, tmp_path: Path) -> None:
        with open(tmp_path / "file", "w+b") as file:
            assert gevent_os.tp_write(file.fileno(), b"data") == 4
            file.seek(0)
            assert gevent_os.tp_read(file.fileno(), 9) == b"data"

    def test_fork_and_watch(self) -> None:
        out, _ = run_script(
            f"""
            {INSTALL}
            import os, gevent, gevent.os, gevent.event
            ended = gevent.event.AsyncResult()
            pid = gevent.os.fork_and_watch(callback=ended.set)
            if not pid:
                gevent.sleep(0.001)
                os._exit(3)
            watcher = ended.get(timeout=30)
            print(watcher.pid == pid, os.waitstatus_to_exitcode(watcher.rstatus))
            pid = gevent.os.fork_and_watch()
            if not pid:
                os._exit(4)
            print(os.waitstatus_to_exitcode(gevent.os.waitpid(pid, 0)[1]))
            """
        )
        assert out == "True 3\n4\n"


class TestWaitables:
    def test_popen(self) -> None:
        children = [subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"]) for code in (1, 2)]
        assert set(greenrt.wait(children, timeout=LONG)) == set(children)
        assert [child.returncode for child in children] == [1, 2]
        seen: list[object] = []
        children[0].rawlink(seen.append)
        removed: list[object] = []
        children[0].rawlink(removed.append)
        children[0].unlink(removed.append)
        greenrt.sleep(0.001)
        assert seen == [children[0]]
        assert removed == []

    def test_futures_of_an_executor(self) -> None:
        with threadpool.ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(abs, -1), pool.submit(int, "x")]
            assert set(greenrt.wait(futures, timeout=LONG)) == set(futures)
            assert futures[0].result() == 1
            assert isinstance(futures[1].exception(), ValueError)

    def test_thread_results(self) -> None:
        results: list[threadpool.ThreadResult] = []
        done = greenrt.Event()

        def receive(result: threadpool.ThreadResult) -> None:
            results.append(result)
            done.set()

        made = threadpool.ThreadResult(receive, greenrt.get_hub())
        threading.Thread(target=made.set, args=(5,)).start()
        assert done.wait(LONG)
        assert results == [made]
        assert made.value == 5
        assert made.successful()


class TestThreadPool:
    def test_it_takes_one_call_more_than_it_has_threads(self) -> None:
        pool = threadpool.ThreadPool(1)
        free = threading.Event()
        results = [pool.spawn(free.wait, LONG), pool.spawn(int)]
        third = greenrt.spawn(pool.spawn, abs, -1)
        greenrt.sleep(0.001)
        assert (len(pool), pool.size, third.ready()) == (2, 1, False)
        free.set()
        assert [result.get(timeout=LONG) for result in results] == [True, 0]
        assert third.get(timeout=LONG).get(timeout=LONG) == 1
        pool.kill()

    def test_the_call_that_waits_is_made_after_a_kill(self) -> None:
        pool = threadpool.ThreadPool(1)
        free = threading.Event()
        results = [pool.spawn(free.wait, LONG), pool.spawn(int)]
        pool.kill()
        free.set()
        assert [result.get(timeout=LONG) for result in results] == [True, 0]
        assert (pool.apply(abs, (-1,)), pool.size) == (1, 1)
        pool.maxsize = 0
        unserved = pool.spawn(int)
        pool.kill()
        with pytest.raises(Cancelled):
            unserved.get(timeout=LONG)

    def test_a_thread_is_started_for_the_call_that_waits(self) -> None:
        pool = threadpool.ThreadPool(0)
        result = pool.spawn(abs, -1)
        assert (len(pool), pool.size, result.ready()) == (1, 0, False)
        pool.maxsize = 1
        assert result.get(timeout=LONG) == 1
        pool.kill()

    def test_only_the_thread_of_its_hub_may_spawn(self) -> None:
        pool, other = threadpool.ThreadPool(1), threadpool.ThreadPool(1)
        with pytest.raises(InvalidThreadUseError, match=r"greenrt\.ThreadPool in several threads"):
            pool.spawn(other.spawn, int).get(timeout=LONG)
        assert other.apply(int) == 0
        pool.kill()
        other.kill()


class TestChannel:
    def test_the_getter_runs_before_put_returns(self) -> None:
        channel: queue.Channel[int] = queue.Channel()
        order: list[object] = []

        def read() -> None:
            while len(order) < 7:
                order.append(channel.get())

        reader = greenrt.spawn(read)
        for item in range(3):
            channel.put(item)
            order.append(f"put {item}")
        # This never switches.
        channel.put_nowait(3)
        assert order == [0, "put 0", 1, "put 1", 2, "put 2"]
        reader.join(LONG)
        assert order[6:] == [3]

    def test_a_thread_without_a_hub(self) -> None:
        channel: queue.Channel[int] = queue.Channel()
        reader = greenrt.spawn(channel.get)
        greenrt.sleep(0.001)
        hubs: list[object] = []

        def send() -> None:
            channel.put(1)
            hubs.append(hub.get_hub_if_exists())

        sender = threading.Thread(target=send)
        sender.start()
        assert reader.get(timeout=LONG) == 1
        sender.join(LONG)
        assert hubs == [None]


def test_a_selector_refuses_a_closed_descriptor() -> None:
    ours, theirs = socket.socketpair()
    with selectors.GeventSelector() as selector:
        selector.register(ours, selectors.EVENT_READ)
        theirs.send(b"x")
        assert [key.fileobj for key, _ in selector.select(LONG)] == [ours]
        os.close(theirs.fileno())
        with pytest.raises(ValueError, match="Invalid file"):
            selector.register(theirs, selectors.EVENT_READ)
    theirs.detach()
    ours.close()


def test_thread_locals_of_a_patched_program_can_be_copied() -> None:
    program = """
        import threading
        from copy import copy
        made = threading.local()
        made.name = "a"
        try:
            other = copy(made)
            other.name = "b"
            print(made.name, other.name)
        except TypeError:
            print("refused")
        """
    out, _ = run_script(f"{INSTALL}from gevent import monkey; monkey.patch_all()\n{dedent(program)}")
    assert out == "a b\n"
    out, _ = run_script(f"from greenrt import monkey; monkey.patch_all()\n{dedent(program)}")
    assert out == "refused\n"


class TestFileObjects:
    @pytest.mark.parametrize(
        "kind", [fileobject.FileObjectPosix, fileobject.FileObjectThread, fileobject.FileObjectBlock]
    )
    def test_a_file(self, kind: type[fileobject.FileObjectBase], tmp_path: Path) -> None:
        path = tmp_path / "file"
        with kind(str(path), "w") as file:
            assert file.write("one\ntwo\n") == 8
        with kind(os.open(path, os.O_RDONLY), "rb", bufsize=0) as file:
            assert list(file) == [b"one\n", b"two\n"]
            fd = file.fileno()
        assert file.closed
        with pytest.raises(OSError):
            os.fstat(fd)
        with open(path) as inner:
            with kind(inner, close=False) as file:
                assert file.read() == "one\ntwo\n"
            assert not inner.closed
        with pytest.raises(TypeError, match="former name"):
            kind(str(path), bufsize=1, buffering=1)

    def test_others_run_while_a_pipe_is_read(self) -> None:
        reader, writer = os.pipe()
        with (
            fileobject.FileObject(reader, "rb", 0) as source,
            fileobject.FileObject(writer, "wb", 0) as target,
        ):
            reading = greenrt.spawn(source.read, 4)
            greenrt.sleep(0.001)
            target.write(b"data")
            assert reading.get(timeout=LONG) == b"data"


class TestUtil:
    def test_wrap_errors(self) -> None:
        wrapped = util.wrap_errors(ValueError, int)
        assert wrapped("5") == 5
        assert isinstance(wrapped("x"), ValueError)
        assert str(wrapped) == str(int)
        assert isinstance(util.wrap_errors((KeyError,))({}.__getitem__)("x"), KeyError)
        with pytest.raises(TypeError):
            wrapped([])

    def test_assert_switches(self) -> None:
        with util.assert_switches():
            greenrt.sleep(0.001)
        with pytest.raises(AssertionError, match="To any greenlet"), util.assert_switches():
            pass
        with util.assert_switches(max_blocking_time=LONG):
            pass
        with pytest.raises(AssertionError, match="max allowed"), util.assert_switches(0.001):
            time.sleep(0.01)
        with pytest.raises(KeyError), util.assert_switches():
            raise KeyError

    def test_run_info(self) -> None:
        event = greenrt.Event()
        waiting = greenrt.spawn(event.wait)
        waiting.name = "the waiting one"
        greenrt.sleep(0.001)
        text = "\n".join(util.format_run_info())
        event.set()
        waiting.join()
        assert "* Threads" in text
        assert "* Greenlets" in text
        assert "the waiting one" in text
        assert "test_run_info" in text


def test_the_backdoor() -> None:
    server = backdoor.BackdoorServer(("127.0.0.1", 0), locals={"answer": 42}, banner="hello")
    server.start()

    def talk() -> str:
        with socket.create_connection(("127.0.0.1", server.server_port)) as raw:
            file = raw.makefile("rw", newline="\n")
            file.write("print(answer)\nimport sys; _ = sys.stdout.write('x' * 3)\n1/0\nquit()\n")
            file.flush()
            return file.read()

    standard = sys.stdout
    text = greenrt.get_hub().threadpool.spawn(talk).get(timeout=LONG)
    server.stop()
    assert text.startswith("hello\n>>> 42\n>>> xxx>>> Traceback")
    assert "ZeroDivisionError" in text
    assert sys.stdout is standard


def test_the_monitor_announces_a_blocked_loop() -> None:
    out, _ = run_script(
        f"""
        {INSTALL}
        import io, sys, time, gevent
        from gevent import events
        gevent.config.monitor_thread = True
        gevent.config.max_blocking_time = 0.05
        seen = []
        events.subscribers.append(seen.append)
        hub = gevent.get_hub()
        hub.exception_stream = io.StringIO()
        gevent.sleep(0.01)
        until = time.monotonic() + 30
        while not any(isinstance(event, events.EventLoopBlocked) for event in seen):
            assert time.monotonic() < until
            time.sleep(0.01)
        print(type(seen[0]).__name__, seen[0].monitor is hub.periodic_monitoring_thread)
        print("appears to be blocked" in hub.exception_stream.getvalue())
        calls = []
        monitor = hub.periodic_monitoring_thread
        monitor.add_monitoring_function(calls.append, 0.01)
        while not calls:
            gevent.sleep(0.01)
        print(calls[0] is hub)
        monitor.kill()
        print(monitor.should_run)
        """
    )
    assert out.splitlines() == ["PeriodicMonitorThreadStartedEvent True", "True", "True", "False"]


def test_events_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Process:
        rss = 10

        def memory_full_info(self) -> "Process":
            return self

    seen: list[object] = []
    process = Process()
    monkeypatch.setattr(_monitor, "get_this_psutil_process", lambda: process)
    monkeypatch.setattr(events, "subscribers", [seen.append])
    monkeypatch.setattr(events, "notify", seen.append)
    monitor = _monitor.PeriodicMonitoringThread(greenrt.get_hub())
    try:
        monkeypatch.setitem(vars(_monitor.config)["_values"], "max_memory_usage", 20)
        for rss in (10, 30, 25, 5, 5):
            process.rss = rss
            monitor.monitor_memory_usage(None)
    finally:
        monitor.kill()
    assert [type(event).__name__ for event in seen] == [
        "MemoryUsageThresholdExceeded",
        "MemoryUsageUnderThreshold",
    ]


def test_a_resolver_of_the_program() -> None:
    class Resolver(AbstractResolver):
        def _getaddrinfo(self, host: object, *rest: object) -> list[object]:
            return [
                (socket.AF_INET, socket.SOCK_DGRAM, 17, "", (address, 0))
                for address in ("10.0.0.1", "10.0.0.2")
            ]

    resolver = Resolver()
    assert resolver.gethostbyname("name") == "10.0.0.1"
    assert resolver.gethostbyname_ex(b"name") == ("name", [], ["10.0.0.1", "10.0.0.2"])
    with pytest.raises(NotImplementedError):
        resolver.gethostbyaddr("10.0.0.1")


def test_signal_handlers() -> None:
    seen: list[int] = []
    done = greenrt.Event()

    def handle(number: int) -> None:
        greenrt.sleep(0)
        seen.append(number)
        done.set()

    handler = hub.signal(signal.SIGUSR2, handle, 5)
    try:
        os.kill(os.getpid(), signal.SIGUSR2)
        assert done.wait(LONG)
    finally:
        handler.cancel()
    assert seen == [5]


def test_without_the_alias_greenrt_stays_as_it_is() -> None:
    out, _ = run_script(
        """
        import greenrt
        import greenrt.compat.gevent, greenrt.compat.gevent.hub
        print(type(greenrt.get_hub()) is greenrt.Hub, greenrt.spawn(int).spawning_greenlet)
        try:
            greenrt.spawn(int).kill("x")
        except TypeError:
            print("refused")
        """
    )
    assert out == "True None\nrefused\n"


def test_a_kill_with_what_is_no_exception_ends_its_greenlet() -> None:
    out, errors = run_script(
        f"""
        {INSTALL}
        import gevent
        waiting = gevent.spawn(gevent.sleep, 60)
        gevent.sleep(0.001)
        waiting.kill("x")
        print(waiting.dead, type(waiting.exception).__name__)
        """
    )
    assert out == "True TypeError\n"
    assert "only an exception can be thrown into a greenlet, not 'x'" in errors
