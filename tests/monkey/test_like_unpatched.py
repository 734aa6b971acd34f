"""Blocking programs print, exit and fail under patching as they do without it.

Each one runs twice in a child process.
"""

import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.child import environment
from support.tls import CERTIFICATE

# A finalizer that waits in many ways, after the interpreter has begun to end.
LATE_WAITS = """
    import builtins, fcntl, os, pty, select, selectors, signal, socket, subprocess, sys, tempfile, termios
    import _thread, concurrent.futures, multiprocessing, threading, time
    def full(pid, flags): raise OSError(24, os.strerror(24))
    def start(*command): return subprocess.Popen(command, stdin=-1, stdout=-1)
    def spawn(): return os.posix_spawn("/bin/sh", ["sh", "-c", "sleep 0.02; exit 3"], {})
    class Late:
        def __init__(self):
            here = tempfile.mkdtemp()
            fifo, file = os.path.join(here, "fifo"), open(os.path.join(here, "file"), "w+")
            os.mkfifo(fifo)
            near, far = socket.socketpair()
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            listener = socket.create_server(("127.0.0.1", 0))
            for each in near, datagrams, listener: each.settimeout(0.01)
            empty, pipe = os.pipe()
            reader, writer = open(empty, "rb", 0, closefd=False), open(pipe, "wb", closefd=False)
            poll, epoll = select.poll(), select.epoll()
            for each in poll, epoll: each.register(empty, 1)
            by_kind = [kind() for kind in (selectors.PollSelector, selectors.SelectSelector, selectors.EpollSelector)]
            for each in by_kind: each.register(empty, 1)
            cat, (short, shorter, apart) = start("cat"), [start("sleep", "0.02") for _ in range(3)]
            of_processes = multiprocessing.get_context("fork")
            taken, again, held = of_processes.Lock(), of_processes.RLock(), threading.Lock()
            taken.acquire(); held.acquire()
            terminal = pty.openpty()[1]
            mine, main, USR1, USR2 = os.getpid(), threading.get_ident(), signal.SIGUSR1, signal.SIGUSR2
            signal.pthread_sigmask(signal.SIG_BLOCK, [USR1])
            pids = [spawn() for _ in range(3)]
            executor = concurrent.futures.ThreadPoolExecutor(1)
            event = os.eventfd(0)
            def without_pidfd(os=os):
                os.pidfd_open = full
                return apart.wait()
            def fork(fork=os.fork, leave=os._exit, waitpid=os.waitpid):
                pid = fork()
                if not pid: leave(5)
                return waitpid(pid, 0)[1]
            self.uses = {
                "select": lambda call=select.select: call([empty], [], [], 0.01),
                "select, ready": lambda call=select.select: call([], [pipe], [], None)[1] == [pipe],
                "poll": lambda: poll.poll(10), "a new poll": lambda call=select.poll: call().poll(10),
                "epoll": lambda: epoll.poll(0.01), "selectors": lambda: [each.select(0.01) for each in by_kind],
                "communicate": lambda: cat.communicate(b"bye"), "Popen.wait": short.wait,
                "Popen.wait with a limit": lambda: shorter.wait(20), "Popen.wait without a pidfd": without_pidfd,
                "system": lambda call=os.system: call("exit 3"),
                "waitpid": lambda call=os.waitpid: call(pids[0], 0)[1],
                "waitid": lambda call=os.waitid, flags=os.WEXITED: call(os.P_PID, pids[1], flags).si_status,
                "any child": lambda call=os.wait: call()[1], "no child": lambda call=os.wait: call(),
                "spawn": lambda wait=os.waitpid: wait(spawn(), 0)[1], "fork": fork,
                "getaddrinfo": lambda call=socket.getaddrinfo: call("localhost", 80),
                "a numeric host": lambda call=socket.getaddrinfo: call("127.0.0.1", 80),
                "gethostbyname": lambda call=socket.gethostbyname: call("localhost"),
                "gethostbyaddr": lambda call=socket.gethostbyaddr: call("127.0.0.1"),
                "getnameinfo": lambda call=socket.getnameinfo: call(("127.0.0.1", 80), 0)[1],
                "connect": lambda: datagrams.connect(("localhost", 9)), "recvfrom": lambda: datagrams.recvfrom(1),
                "recv": lambda: near.recv(1), "send": lambda: (far.send(b"1"), near.recv(1)),
                "sendall": lambda: (far.sendall(b"22"), near.recv(2, socket.MSG_WAITALL)),
                "sendfile": lambda call=os.sendfile: call(far.fileno(), file.fileno(), 0, 1),
                "accept": listener.accept,
                "linger": lambda: far.setsockopt(1, 13, bytes([1, 0, 0, 0, 1, 0, 0, 0])), "close": far.close,
                "write": lambda: (writer.write(b"x"), writer.flush()), "read": lambda: reader.read(1),
                "writev": lambda call=os.writev: call(pipe, [b"ab"]),
                "readv": lambda call=os.readv: call(empty, [bytearray(2)]),
                "dup2": lambda call=os.dup2: call(pipe, empty) == empty,
                "eventfd": lambda read=os.eventfd_read, write=os.eventfd_write: (write(event, 3), read(event)),
                "open": lambda call=open: call(fifo, "r+b", 0).close(),
                "os.open": lambda call=os.open: call(fifo, os.O_RDONLY | os.O_NONBLOCK) > 0,
                "flock": lambda call=fcntl.flock: call(file, fcntl.LOCK_EX),
                "lockf": lambda call=fcntl.lockf: call(file, fcntl.LOCK_EX),
                "file": lambda: (file.write("abc"), file.seek(0), file.read(), file.close()),
                "input": lambda call=input: call(), "tcdrain": lambda call=termios.tcdrain: call(terminal),
                "sigtimedwait": lambda call=signal.sigtimedwait: call([USR1], 0.01),
                "sigwait": lambda call=signal.sigwait, kill=os.kill: (kill(mine, USR1), call([USR1])),
                "sigwaitinfo": lambda call=signal.sigwaitinfo, kill=os.kill: (kill(mine, USR1), call([USR1])[0]),
                "mask": lambda call=signal.pthread_sigmask: call(signal.SIG_UNBLOCK, [USR1]),
                "signal": lambda call=signal.signal: call(USR2, signal.SIG_IGN),
                "raise_signal": lambda call=signal.raise_signal: call(USR2),
                "pthread_kill": lambda call=signal.pthread_kill: call(main, USR2),
                "a lock of processes": lambda: taken.acquire(timeout=0.01),
                "its release": lambda: (taken.release(), taken.acquire()),
                "an rlock of processes": lambda: (again.acquire(), again.acquire(), again.release()),
                "lock": lambda: held.acquire(timeout=0.01),
                "a new lock": lambda call=threading.Lock: call().acquire(),
                "a new event": lambda call=threading.Event: call().wait(0.01),
                "a new semaphore": lambda call=threading.Semaphore: call(0).acquire(timeout=0.01),
                "threads": lambda call=threading.enumerate: len(call()),
                "sleep": lambda call=time.sleep: call(0.01), "a wrong sleep": lambda call=time.sleep: call(-1),
                "executor": lambda: executor.submit(len, "x"),
            }
            if hasattr(_thread, "set_name"):
                self.uses["set_name"] = lambda call=_thread.set_name: call("late")
            if sys.version_info >= (3, 12):
                # Before, this starts a native thread, which then never runs.
                self.uses["start a thread"] = lambda call=_thread.start_new_thread: call(len, ("x",))
            self.write = sys.stdout.write
        def __del__(self):
            for name, use in self.uses.items():
                try: result = use()
                except BaseException as error: result = repr(error)
                self.write(f"{name}: {result}\\n")
    # This object is among the last ones to be deleted.
    builtins.late = Late()
"""

PROGRAMS: dict[str, str] = {
    "producers and consumers": """
        import queue, threading
        from time import sleep
        jobs, results = queue.Queue(5), queue.Queue()
        def work():
            while True:
                job = jobs.get()
                if job is None:
                    break
                sleep(0.001)
                results.put(job * 2)
                jobs.task_done()
        threads = [threading.Thread(target=work) for _ in range(200)]
        for thread in threads: thread.start()
        for number in range(1000): jobs.put(number)
        jobs.join()
        for _ in threads: jobs.put(None)
        for thread in threads: thread.join()
        print(sum(results.get() for _ in range(1000)), threading.active_count())
    """,
    "interrupt_main": """
        import _thread, signal, threading, time
        def interrupt(number):
            _thread.interrupt_main(number)
            done.append(number)
        done = []
        for number in (signal.SIGINT, signal.SIGTERM):
            if number == signal.SIGTERM:
                signal.signal(number, lambda *_: 1 / 0)
            thread = threading.Thread(target=interrupt, args=(number,))
            try:
                thread.start()
                thread.join()
            except (KeyboardInterrupt, ZeroDivisionError) as error:
                print(type(error).__name__)
            thread.join()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        thread = threading.Thread(target=interrupt, args=(signal.SIGTERM,))
        thread.start()
        thread.join()
        print(*map(int, done))
        def wrong():
            try: _thread.interrupt_main(-1)
            except ValueError as error: print(error)
        thread = threading.Thread(target=wrong)
        thread.start()
        thread.join()
    """,
    "signals that a thread blocks": """
        import os, signal, threading, time
        from signal import SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SIGUSR1, SIGUSR2
        def change(how, signals):
            try: print(sorted(signal.pthread_sigmask(how, signals)))
            except Exception as error: print(type(error).__name__, error)
        def work():
            change(SIG_BLOCK, [SIGUSR1, SIGUSR2])
            os.kill(os.getpid(), SIGUSR1)
            time.sleep(0.1)
            change(SIG_UNBLOCK, [SIGUSR1])
            change(SIG_SETMASK, [])
            change(SIG_BLOCK, [40, 64])
            change(SIG_BLOCK, [])
            for wrong in ([0], [1000], 3, ["a"]):
                change(SIG_BLOCK, wrong)
            change(77, [SIGUSR2])
        arrived = []
        signal.signal(SIGUSR1, lambda number, frame: arrived.append(number))
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        change(SIG_BLOCK, [SIGUSR1])
        thread = threading.Thread(target=change, args=(SIG_BLOCK, []))
        thread.start()
        thread.join()
        print(arrived)
    """,
    "another copy of queue": """
        import importlib, queue, sys, threading
        def pass_on(copy):
            full, empty = copy.SimpleQueue(), copy.SimpleQueue()
            thread = threading.Thread(target=lambda: empty.put(full.get()))
            thread.start()
            full.put(1)
            print(empty.get(timeout=5))
            thread.join()
            try: empty.get_nowait()
            except copy.Empty as error: print(type(error).__module__)
        pass_on(importlib.reload(queue))
        for name in ("queue", "_queue"):
            del sys.modules[name]
        pass_on(importlib.import_module("queue"))
    """,
    "functions are pickled by name": """
        import copy, os, pickle, select, signal, socket, time
        functions = (time.sleep, os.waitpid, os.read, select.select, socket.create_connection, signal.signal)
        print([pickle.loads(pickle.dumps(function)) is function for function in functions])
        print(pickle.dumps(time.sleep), copy.deepcopy(os.read) is os.read)
        class Holder: nap = time.sleep
        Holder().nap(0)
        import threading
        class Named: ident = threading.get_ident
        print(Named().ident() == threading.get_ident(), signal.signal.__module__, signal.sigwait.__module__)
        print(pickle.dumps(signal.signal), pickle.dumps(socket.getaddrinfo))
    """,
    "queues and locks are polled": """
        import queue, threading
        items, found = queue.Queue(), []
        def poll():
            while not found:
                try: found.append(items.get(False))
                except queue.Empty: pass
        lock = threading.Lock()
        def spin():
            while not lock.acquire(False): pass
            found.append("lock")
        threads = [threading.Thread(target=poll), threading.Thread(target=spin)]
        lock.acquire()
        threads[0].start()
        items.put("item")
        threads[0].join()
        threads[1].start()
        lock.release()
        for thread in threads: thread.join()
        print(found)
    """,
    "what locks and handles of threads refuse": """
        import _thread, threading
        class Mine(_thread.RLock):
            def __init__(self, *args): self.args = args
        # Before 3.15 they take any arguments.
        for made in (lambda: _thread.RLock(1, name=2), lambda: _thread.RLock(name=2), lambda: Mine(1),
                     lambda: threading.RLock(), lambda: _thread.RLock()):
            try: print(made().acquire())
            except TypeError as error: print(error)
        for wrong in (lambda: threading.Lock(1), lambda: _thread.allocate_lock(1)):
            try: print(wrong().acquire())
            except TypeError: print("TypeError")
        if hasattr(_thread, "_ThreadHandle"):
            handle = _thread._ThreadHandle()
            for wrong in (handle.join, handle._set_done):
                try: wrong()
                except RuntimeError as error: print(error)
            started = _thread.start_joinable_thread(print, handle=handle)
            handle.join()
            print(started is handle, handle.is_done())
    """,
    "exceptions set in threads from outside": """
        import ctypes, threading, time
        class Stop(Exception): pass
        throw = ctypes.pythonapi.PyThreadState_SetAsyncExc
        ready = threading.Event()
        def work():
            try:
                while True:
                    ready.set()
                    time.sleep(0.01)
            except Stop as error: print(repr(error))
        thread = threading.Thread(target=work)
        thread.start()
        ready.wait()
        print(throw(ctypes.c_ulong(thread.ident), ctypes.py_object(Stop)))
        thread.join()
        def stop_oneself():
            try:
                throw(ctypes.c_ulong(threading.get_ident()), ctypes.py_object(Stop))
                for _ in range(1000): time.sleep(0.01)
            except Stop: print("stopped")
        thread = threading.Thread(target=stop_oneself)
        thread.start()
        thread.join()
        main = threading.get_ident()
        thread = threading.Thread(target=lambda: throw(ctypes.c_ulong(main), ctypes.py_object(Stop)))
        try:
            thread.start()
            for _ in range(1000): time.sleep(0.01)
        except Stop: print("main stopped")
        thread.join()
        print(throw(ctypes.c_ulong(1), ctypes.py_object(Stop)), throw.restype is ctypes.c_int)
    """,
    "file objects over pipes": """
        import builtins, io, os, threading
        there, back = os.pipe()
        def fill():
            with os.fdopen(back, "w") as file: file.writelines(f"{n}\\n" for n in range(200_000))
        threading.Thread(target=fill).start()
        with open(there) as file: print(sum(map(int, file)), file.mode, file.name == there, file.encoding)
        class Named: here = open
        with Named().here(__file__) as file: print(file.readline() == "\\n", io.open is builtins.open)
        for wrong in (-1, there, "no such file", 1.5, None):
            try: open(wrong)
            except (OSError, TypeError, ValueError) as error: print(type(error), error)
    """,
    "an error keeps no argument of getnameinfo": """
        import socket, sys
        argument = "not a tuple"
        before = sys.getrefcount(argument)
        try: socket.getnameinfo(argument, 0)
        except TypeError as error: print(error, sys.getrefcount(argument) - before)
    """,
    "primitives": """
        import threading, time
        barrier = threading.Barrier(4)
        order, condition, ready = [], threading.Condition(), threading.Event()
        def meet(name):
            barrier.wait()
            with condition:
                while len(order) < name:
                    condition.wait()
                order.append(name)
                condition.notify_all()
            ready.wait()
        threads = [threading.Thread(target=meet, args=(n,)) for n in range(4)]
        for thread in threads: thread.start()
        timer = threading.Timer(0.05, ready.set)
        timer.start()
        for thread in threads: thread.join()
        print(order, ready.is_set(), barrier.broken)
        gate = threading.Semaphore(2)
        inside = most = 0
        lock = threading.Lock()
        def enter():
            global inside, most
            with gate:
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.01)
                with lock: inside -= 1
        threads = [threading.Thread(target=enter) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(most, lock.acquire(timeout=0.01), lock.acquire(timeout=0.01), lock.locked())
        again = threading.RLock()
        with again, again: print(again._is_owned())
        try: again.release()
        except RuntimeError as error: print(error)
        try: threading.Lock().release()
        except RuntimeError as error: print(error)
    """,
    "thread locals and identities": """
        import threading
        data = threading.local()
        data.name = "main"
        class Counted(threading.local):
            def __init__(self, start): self.count = start
        counted = Counted(5)
        counted.count += 1
        def look(seen):
            seen.append((hasattr(data, "name"), counted.count, threading.current_thread().name,
                         threading.get_ident() == threading.current_thread().ident,
                         threading.get_ident() != threading.main_thread().ident,
                         threading.current_thread().daemon))
            data.name = "other"
        seen = []
        thread = threading.Thread(target=look, args=(seen,), name="looker", daemon=True)
        print(thread.is_alive(), thread.ident)
        thread.start(); thread.join()
        print(seen, data.name, counted.count, thread.is_alive(), threading.main_thread().name)
        print(threading.current_thread() is threading.main_thread(), [t.name for t in threading.enumerate()])
    """,
    "names imported early": """
        from queue import Queue, SimpleQueue, Empty
        from socket import socketpair, create_connection, socket, timeout
        from select import select
        from threading import Thread, Event, Lock, get_ident
        from time import sleep, monotonic
        from _thread import start_new_thread, allocate_lock
        class Mine(socket):
            def hello(self): self.sendall(b"hello")
        a, b = socketpair()
        mine = Mine(fileno=a.detach())
        def later():
            sleep(0.02)
            mine.hello()
        Thread(target=later).start()
        print(select([b], [], [], 5)[0] == [b], b.recv(10), isinstance(b, socket), type(mine).__mro__[1] is socket)
        simple = SimpleQueue()
        start_new_thread(simple.put, (1,))
        print(simple.get(timeout=5))
        try: simple.get(timeout=0.01)
        except Empty: print("empty")
        b.settimeout(0.01)
        try: b.recv(1)
        except timeout as error: print(error)
    """,
    "an error in a thread, and exits in threads": """
        import sys, threading
        def fail(): raise ValueError("in a thread")
        def leave(): sys.exit(5)
        for function in (fail, leave):
            thread = threading.Thread(target=function, name="T")
            thread.start(); thread.join()
        threading.excepthook = lambda args: print("hook:", args.exc_type.__name__, args.thread.name)
        thread = threading.Thread(target=fail, name="U")
        thread.start(); thread.join()
        print("goes on")
    """,
    "the end waits for threads that are no daemons": """
        import atexit, threading, time
        atexit.register(print, "atexit")
        def late():
            time.sleep(0.5)
            print("late")
        def never():
            time.sleep(30)
            print("never")
        threading.Thread(target=late).start()
        threading.Thread(target=never, daemon=True).start()
        print("main ends")
    """,
    "exit status of main": """
        import sys, threading, time
        threading.Thread(target=time.sleep, args=(0.05,)).start()
        sys.exit(7)
    """,
    "exit with a text": "import sys\nsys.exit('a text')",
    "exit at once": "import os, threading, time\nthreading.Thread(target=time.sleep, args=(9,)).start()\nos._exit(3)",
    "TLS in threads": f"""
        import socket, ssl, threading, urllib.request
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "100000")
                self.end_headers()
                self.wfile.write(b"x" * 100000)
            def log_message(self, *args): pass
        class Server(ThreadingHTTPServer):
            daemon_threads = True
        server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain({str(CERTIFICATE)!r})
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        trusting = ssl.create_default_context(cafile={str(CERTIFICATE)!r})
        url = f"https://localhost:{{server.server_port}}/"
        sizes = []
        def fetch():
            with urllib.request.urlopen(url, context=trusting, timeout=30) as reply:
                sizes.append(len(reply.read()))
        threads = [threading.Thread(target=fetch) for _ in range(10)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(sizes)
        try: urllib.request.urlopen(url, timeout=30)
        except OSError as error: print(type(error.reason), error.reason.verify_message)
        print(type(server.socket), ssl.SSLSocket.__mro__, ssl.SSLContext.sslsocket_class)
        server.shutdown()
        server.server_close()
    """,
    "TLS in asyncio": f"""
        import asyncio, ssl
        async def answer(reader, writer):
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
        async def main():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain({str(CERTIFICATE)!r})
            server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
            port = server.sockets[0].getsockname()[1]
            trusting = ssl.create_default_context(cafile={str(CERTIFICATE)!r})
            reader, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
            writer.write(b"hello\\n")
            print(await reader.read())
            writer.close()
            server.close()
            await server.wait_closed()
        asyncio.run(main())
    """,
    "asyncio in several threads": """
        import asyncio, contextlib, gc, sys, threading
        before = sys.get_asyncgen_hooks()
        async def numbers(n):
            # The generator stays unfinished: its own loop closes it, and no other loop does so earlier.
            try:
                for number in range(100):
                    await asyncio.sleep(0.001)
                    yield n * number
            finally:
                assert asyncio.get_running_loop() is loops[n]
                closed.append(n)
        async def main(n):
            loop = loops[n] = asyncio.get_running_loop()
            assert asyncio.get_event_loop() is loop
            # C code that does not get the loop as an argument.
            future = asyncio.Future()
            assert future.get_loop() is loop
            loop.call_later(0.01, future.set_result, n)
            assert asyncio.current_task() in asyncio.all_tasks()
            left = numbers(n)
            assert [await anext(left) for _ in range(20 + 20 * n)][1] == n
            with contextlib.suppress(RuntimeError):
                await asyncio.to_thread(asyncio.get_running_loop)
                raise AssertionError("a thread of its own")
            # A loop in a thread of this loop's, and a child process.
            assert await asyncio.to_thread(asyncio.run, asyncio.sleep(0.01, n)) == n
            child = await asyncio.create_subprocess_exec("echo", str(n), stdout=asyncio.subprocess.PIPE)
            kept.append(left)
            if n == 2:
                left = kept.clear()
                gc.collect()
            return await future, (await child.communicate())[0]
        loops, closed, results, kept = {}, [], {}, []
        def run(n):
            results[n] = asyncio.run(main(n))
            # A thread other than the main one has no loop set.
            try:
                asyncio.get_event_loop()
            except RuntimeError as error:
                results[n] += (type(error),)
        threads = [threading.Thread(target=run, args=(n,)) for n in range(5)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(sorted(results.items()), sorted(closed), len(set(loops.values())))
        assert sys.get_asyncgen_hooks() == before
        mine = asyncio.new_event_loop()
        asyncio.set_event_loop(mine)
        assert asyncio.get_event_loop() is mine is asyncio.get_event_loop_policy().get_event_loop()
        assert asyncio.Future().get_loop() is mine
        mine.close()
        for wrong in (1,), (None, 1):
            try: sys.set_asyncgen_hooks(*wrong)
            except TypeError as error: print(error)
        sys.set_asyncgen_hooks(finalizer=print)
        print(sys.get_asyncgen_hooks()[1] is print, sys.get_asyncgen_hooks()[0])
        sys.set_asyncgen_hooks(*before)
    """,
    "finalizers at the very end": """
        import builtins, logging, os, queue, sys, threading, time
        class Late:
            def __init__(self, get_ident=threading.get_ident, current_thread=threading.current_thread):
                self.clock = time.perf_counter
                self.uses = {"lock": threading.Lock().acquire, "rlock": threading.RLock().acquire}
                self.uses["ident"], self.uses["thread"] = get_ident, lambda: current_thread().name
                self.uses["event"], self.uses["condition"] = threading.Event().set, threading.Condition().acquire
                queues = queue.Queue(), queue.SimpleQueue()
                self.uses["queue"], self.uses["simple"] = (lambda: queues[0].put(1)), (lambda: queues[1].put(1))
                data = threading.local()
                data.x = "x"
                self.uses["local"] = lambda: data.x
                reader, writer = os.pipe()
                self.uses["write"] = lambda write=os.write: write(writer, b"written")
                self.uses["read"] = lambda read=os.read: read(reader, 10)
                self.uses["close"] = lambda close=os.close: close(reader)
                self.uses["sleep"] = lambda sleep=time.sleep: sleep(0.01)
                self.uses["yield"] = lambda sleep=time.sleep: sleep(0)
                held, event = threading.Lock(), threading.Event()
                held.acquire()
                self.uses["held"] = lambda: held.acquire(timeout=0.01)
                self.uses["unset"] = lambda: event.wait(0.01)
                self.write = sys.stdout.write
            def __del__(self):
                # Others would be due by now.
                end = self.clock() + 0.05
                while self.clock() < end: pass
                for name, use in self.uses.items():
                    try:
                        result = use()
                    except BaseException as error:
                        result = repr(error)
                    self.write(f"{name}: {'' if name == 'ident' else result}\\n")
        # These objects are among the last ones to be deleted.
        builtins.late = Late()
        # logging's own callback: its weak references take its lock.
        builtins.handler = logging.NullHandler()
        threading.Thread(target=threading.Event().wait, args=(0.01,)).start()
    """,
    "waits at the very end": LATE_WAITS,
    "waits at the very end, after others": "    import time\n    time.sleep(0.001)" + LATE_WAITS,
    "TLS at the very end": f"""
        import builtins, socket, ssl, sys, threading
        class Late:
            def __init__(self):
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain({str(CERTIFICATE)!r})
                trusting = ssl.create_default_context(cafile={str(CERTIFICATE)!r})
                ends, made = socket.socketpair(), []
                thread = threading.Thread(target=lambda: made.append(context.wrap_socket(ends[0], server_side=True)))
                thread.start()
                self.near = trusting.wrap_socket(ends[1], server_hostname="localhost")
                thread.join()
                self.far, self.write = made[0], sys.stdout.write
            def __del__(self):
                self.near.sendall(b"late")
                self.write(f"{{self.far.recv(4)}}, {{self.near.send(b'later')}}, {{self.far.recv(5)}}\\n")
                self.far.settimeout(0.01)
                for _ in range(2):
                    # First, there is nothing; then, the other end is closed.
                    try: self.write(f"{{self.far.recv(1)}}\\n")
                    except OSError as error: self.write(f"{{error!r}}\\n")
                    self.near.close()
        builtins.late = Late()
    """,
    "finalizers after the modules": """
        import _imp, errno, os, socket, threading, time
        class Late:
            def __init__(self):
                self.write = os.write
                reader, writer = os.pipe()
                near, far = socket.socketpair()
                main = threading.get_ident()
                self.uses = {
                    "write": lambda call=os.write: call(writer, b"written"),
                    "read": lambda call=os.read: call(reader, 10),
                    "close": lambda call=os.close: (call(reader), call(writer)),
                    "a wrong close": lambda call=os.close: call(-1),
                    "sleep": lambda call=time.sleep: call(0.01),
                    "a wrong sleep": lambda call=time.sleep: call(-1),
                    "close of a socket": near.close,
                    "second close of a socket": near.close,
                    "ident": lambda call=threading.get_ident: call() == main,
                    "import lock": lambda take=_imp.acquire_lock, free=_imp.release_lock: (take(), free()),
                }
            def __del__(self, BaseException=BaseException, repr=repr):
                for name, use in self.uses.items():
                    try: result = use()
                    except BaseException as error: result = error
                    self.write(1, f"{name}: {result!r}\\n".encode())
        # This module is one of the first, and so one of the last to lose its names.
        errno.late = Late()
    """,
    "daemon threads don't go on at the very end": """
        import builtins, sys, threading, time
        over = []
        class Late:
            def __init__(self):
                self.wait, self.write, self.over = threading.Event().wait, sys.stdout.write, over
            def __del__(self):
                self.over.append(1)
                try: self.wait(0.1)
                except RuntimeError: pass
                self.write("over\\n")
        builtins.late = Late()
        # The objects that it uses outlive the module.
        def linger(sleep, write, over):
            while True:
                sleep(0.01)
                if over: write("went on\\n")
        threading.Thread(target=linger, args=(time.sleep, sys.stdout.write, over), daemon=True).start()
        time.sleep(0.02)
    """,
    "children": """
        import os, subprocess, threading
        print(subprocess.run(["sh", "-c", "cat; exit 3"], input="hello", capture_output=True, text=True))
        print(os.popen("echo popen").read(), os.system("exit 5"), subprocess.getoutput("echo out"))
        try: subprocess.run(["sleep", "30"], timeout=0.05)
        except subprocess.TimeoutExpired as error: print(error.cmd)
        codes = []
        def call(n): codes.append(subprocess.call(f"sleep 0.05; exit {n}", shell=True))
        threads = [threading.Thread(target=call, args=(n,)) for n in range(10)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(sorted(codes))
        with subprocess.Popen(["sh", "-c", "for i in 1 2 3; do echo $i; done"], stdout=-1, text=True) as process:
            print([line for line in process.stdout], isinstance(process.stdout.buffer.raw, __import__("io").FileIO))
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 4"], {})
        print(os.waitstatus_to_exitcode(os.wait()[1]))
        try: os.wait()
        except ChildProcessError as error: print(error)
        read, write = os.pipe()
        reader = threading.Thread(target=lambda: print(os.read(read, 10)))
        reader.start()
        os.write(write, b"piped")
        reader.join()
        os.close(read)
        try: os.write(write, b"x")
        except BrokenPipeError as error: print(error)
    """,
    "a traceback of main": "def f():\n    raise KeyError('x')\nf()",
    "a syntax error": "x = = 1",
    "executors": """
        import time
        from concurrent.futures import ThreadPoolExecutor, as_completed, wait
        with ThreadPoolExecutor(20) as executor:
            print(sum(executor.map(lambda n: (time.sleep(0.01), n)[1], range(100))))
            futures = [executor.submit(lambda n: 1 / n, n) for n in (1, 0, 2)]
            done, pending = wait(futures, timeout=5)
            print(len(done), len(pending), sorted(type(f.exception()).__name__ for f in as_completed(futures)))
    """,
    "logging from threads": """
        import logging, sys, threading
        logging.basicConfig(stream=sys.stdout, format="%(threadName)s %(message)s", level=logging.INFO)
        threads = [threading.Thread(target=logging.info, args=("hello %d", n), name=f"t{n}") for n in range(5)]
        for thread in threads: thread.start(); thread.join()
    """,
    "imports in threads": """
        import os, sys, tempfile, threading
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "slow_module.py"), "w") as file:
                file.write("import time; time.sleep(0.05); value = 5")
            sys.path.insert(0, folder)
            seen = []
            def load():
                import slow_module
                seen.append(slow_module.value)
            threads = [threading.Thread(target=load) for _ in range(5)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(seen)
    """,
    "a signal sets an event": """
        import os, signal, threading
        stop = threading.Event()
        signal.signal(signal.SIGUSR1, lambda *_: stop.set())
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        print(stop.wait(10))
        signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        import time
        time.sleep(0.1)
    """,
    "servers and clients of the library": """
        import http.server, socketserver, threading, urllib.request
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.path.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def log_message(self, *args): pass
        class Echo(socketserver.StreamRequestHandler):
            def handle(self): self.wfile.write(self.rfile.readline())
        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            request_queue_size = 100
        web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        echo = Server(("127.0.0.1", 0), Echo)
        for server in (web, echo):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        def fetch(n, seen):
            url = f"http://127.0.0.1:{web.server_address[1]}/{n}"
            seen.append(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20).read())
        seen = []
        threads = [threading.Thread(target=fetch, args=(n, seen)) for n in range(50)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(sorted(seen) == sorted(b"/%d" % n for n in range(50)))
        import socket
        with socket.create_connection(echo.server_address) as sock:
            sock.sendall(b"line\\n")
            print(sock.makefile("rb").readline())
        for server in (web, echo):
            server.shutdown()
            server.server_close()
    """,
    "sched and deep recursion": """
        import sched, sys, threading, time
        events = sched.scheduler(time.monotonic, time.sleep)
        now = time.monotonic()
        for delay, name in ((0.03, "b"), (0.01, "a")): events.enterabs(now + delay, 1, print, (name,))
        events.run()
        def deep(n): return n and 1 + deep(n - 1)
        result = []
        thread = threading.Thread(target=lambda: result.append(deep(800)))
        thread.start(); thread.join()
        print(result)
        def endless(): return endless()
        def guarded():
            try: endless()
            except RecursionError: print("RecursionError")
        thread = threading.Thread(target=guarded)
        thread.start(); thread.join()
    """,
    "arguments and names of main": """
        import sys
        print(sys.argv[1:], __name__, __file__ == sys.argv[0], sys.modules["__main__"].__dict__ is globals())
        import pickle
        class Here: pass
        print(type(pickle.loads(pickle.dumps(Here()))) is Here, sys.path[0] == __file__.rpartition("/")[0])
    """,
}


def run(path: Path, patched: bool, *arguments: str) -> tuple[str, str, int]:
    command = [sys.executable, *(("-m", "greenrt.monkey") if patched else ()), str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    return done.stdout, plain(done.stderr), done.returncode


def plain(text: str) -> str:
    """Remove accidental differences: addresses, and lines of frames that only show the standard library."""
    return re.sub(r"0x[0-9a-f]+", "0x", text)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAMS[name]))
    wanted = run(path, False, "one", "two")
    assert ("SyntaxError" in wanted[1]) == (name == "a syntax error")
    assert run(path, True, "one", "two") == wanted


@pytest.mark.parametrize("patched", [False, True])
def test_ctrl_c_ends_by_the_signal(patched: bool, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text("import queue\nprint('waits', flush=True)\nqueue.Queue().get(timeout=30)\n")
    command = [sys.executable, *(("-m", "greenrt.monkey") if patched else ()), str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waits\n"
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
    assert child.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "greenrt/monkey" not in errors


def heed() -> None:
    # The test runner may have been started with the signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_module_as_main(tmp_path: Path) -> None:
    (tmp_path / "some_module.py").write_text(
        "import sys\nfrom greenrt import monkey\nprint(__name__, sys.argv[1:], monkey.is_module_patched('socket'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "greenrt.monkey", "-m", "some_module", "x"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        cwd=tmp_path,
        env=environment(),
    )
    assert (done.stdout, done.stderr) == ("__main__ ['x'] True\n", "")
