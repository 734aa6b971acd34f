"""A loop that polls a standard library call lets others end it: greenlets, threads and the event loop."""

import pytest
from support.child import TESTS, run_script

# How the condition of a loop becomes true.
ENDERS = {
    "a greenlet": "greenrt.spawn_later(0.002, end)",
    "a green thread": "threading.Timer(0.002, end).start()",
    "a native thread": "greenrt.get_hub().threadpool.spawn(lambda: (time.sleep(0.002), end()))",
    "the loop": "call_in_loop(end)",
}

# Each case returns the polled function and a function that makes it true. No other call of the loop yields.
CASES = """
import greenrt.monkey
greenrt.monkey.patch_all()
import _thread, concurrent.futures, errno, multiprocessing, multiprocessing.pool, os, queue, sched, select
import selectors, signal, socket, ssl, subprocess, sys, threading, time
import greenrt

cases, timers, kept = {}, [], []

def case(function):
    cases[function.__name__] = function
    return function

def fails(error, function, *args):
    # Whether the call works by now.
    def poll():
        try: function(*args)
        except error: return False
        return True
    return poll

def call_in_loop(end):
    timer = greenrt.get_hub().loop.timer(0.002, 0.002)
    timers.append(timer)
    def call():
        # The loop itself never waits for a lock that the spinner may hold while it yields.
        try: end()
        except greenrt.errors.BlockingInHub: return
        timer.stop()
    timer.start(call)

# -- threading

@case
def event_is_set():
    event = threading.Event()
    return event.is_set, event.set

@case
def event_wait_zero():
    event = threading.Event()
    return lambda: event.wait(0), event.set

@case
def lock_locked():
    lock = threading.Lock(); lock.acquire()
    return lambda: not lock.locked(), lock.release

@case
def lock_locked_lock():
    lock = _thread.allocate_lock(); lock.acquire()
    return lambda: not lock.locked_lock(), lock.release

@case
def lock_acquire_false():
    lock = threading.Lock(); lock.acquire()
    return lambda: lock.acquire(False), lock.release

@case
def lock_acquire_timeout_zero():
    lock = threading.Lock(); lock.acquire()
    return lambda: lock.acquire(timeout=0), lock.release

def guarded(lock):
    done = []
    def poll():
        with lock: return bool(done)
    return poll, lambda: done.append(1)

@case
def with_lock(): return guarded(threading.Lock())
@case
def with_rlock(): return guarded(threading.RLock())
@case
def with_condition(): return guarded(threading.Condition())
@case
def with_condition_of_a_lock(): return guarded(threading.Condition(threading.Lock()))
@case
def condition_notify():
    condition, done = threading.Condition(), []
    def poll():
        with condition:
            condition.notify_all()
            return bool(done)
    return poll, lambda: done.append(1)
@case
def rlock_acquire_free():
    lock, done = threading.RLock(), []
    return lambda: lock.acquire(False) and (lock.release(), done)[1], lambda: done.append(1)
@case
def with_semaphore(): return guarded(threading.Semaphore())

def held_elsewhere(lock, poll):
    go = threading.Event()
    def hold():
        with lock: go.wait()
    thread = threading.Thread(target=hold); thread.start()
    return poll, go.set

@case
def rlock_acquire_false():
    lock = threading.RLock()
    return held_elsewhere(lock, lambda: lock.acquire(False))

if hasattr(threading.RLock(), "locked"):
    @case
    def rlock_locked():
        lock = threading.RLock()
        return held_elsewhere(lock, lambda: not lock.locked())

@case
def condition_wait_zero():
    condition, done = threading.Condition(), []
    def poll():
        with condition:
            condition.wait(0)
            return bool(done)
    return poll, lambda: done.append(1)

@case
def semaphore_acquire_false():
    semaphore = threading.Semaphore(0)
    return lambda: semaphore.acquire(False), semaphore.release

@case
def bounded_semaphore_acquire_false():
    semaphore = threading.BoundedSemaphore(1); semaphore.acquire()
    return lambda: semaphore.acquire(blocking=False), semaphore.release

@case
def barrier_broken():
    barrier = threading.Barrier(2)
    return lambda: barrier.broken, barrier.abort

@case
def barrier_n_waiting():
    barrier, go = threading.Barrier(2), threading.Event()
    def wait():
        go.wait()
        barrier.wait()
    threading.Thread(target=wait, daemon=True).start()
    return lambda: barrier.n_waiting and [barrier.wait()], go.set

def waiting_thread():
    go = threading.Event()
    thread = threading.Thread(target=go.wait); thread.start()
    return thread, go.set

@case
def thread_is_alive():
    thread, end = waiting_thread()
    return lambda: not thread.is_alive(), end

@case
def thread_join_zero():
    thread, end = waiting_thread()
    def poll():
        thread.join(0)
        return thread not in threading._active.values()
    return poll, end


@case
def active_count():
    # The ender may be a thread too.
    done = []
    return lambda: threading.active_count() and done, lambda: done.append(1)

@case
def enumerated_threads():
    thread, end = waiting_thread()
    return lambda: thread not in threading.enumerate(), end

@case
def thread_count():
    thread, end = waiting_thread()
    return lambda: _thread._count() is not None and thread.ident not in threading._active, end

# -- queue, sched, concurrent.futures

@case
def queue_get_nowait():
    items = queue.Queue()
    return fails(queue.Empty, items.get_nowait), lambda: items.put(1)
@case
def queue_empty():
    items = queue.Queue()
    return lambda: not items.empty(), lambda: items.put(1)
@case
def lifo_queue_qsize():
    items = queue.LifoQueue()
    return items.qsize, lambda: items.put(1)
@case
def priority_queue_get_false():
    items = queue.PriorityQueue()
    return fails(queue.Empty, items.get, False), lambda: items.put(1)
@case
def queue_get_timeout_zero():
    items = queue.Queue()
    return fails(queue.Empty, items.get, True, 0), lambda: items.put(1)
@case
def queue_full():
    items = queue.Queue(1); items.put(1)
    return lambda: not items.full(), items.get_nowait
@case
def queue_put_nowait():
    items = queue.Queue(1); items.put(1)
    return fails(queue.Full, items.put_nowait, 2), items.get_nowait
@case
def simple_queue_get_nowait():
    items = queue.SimpleQueue()
    return fails(queue.Empty, items.get_nowait), lambda: items.put(1)
@case
def simple_queue_get_false():
    items = queue.SimpleQueue()
    return fails(queue.Empty, items.get, False), lambda: items.put(1)
@case
def simple_queue_empty():
    items = queue.SimpleQueue()
    return lambda: not items.empty(), lambda: items.put(1)
@case
def simple_queue_qsize():
    items = queue.SimpleQueue()
    return items.qsize, lambda: items.put(1)
@case
def simple_queue_always_full():
    items, done = queue.SimpleQueue(), []
    def poll():
        items.put(1); items.get()
        return bool(done)
    return poll, lambda: done.append(1)
@case
def scheduler_empty():
    tasks = sched.scheduler()
    return lambda: not tasks.empty(), lambda: tasks.enter(1, 1, print)
@case
def scheduler_run_false():
    tasks, done = sched.scheduler(), []
    return lambda: tasks.run(False) and done, lambda: (tasks.enter(1000, 1, print), done.append(1))
@case
def future_done():
    future = concurrent.futures.Future()
    return future.done, lambda: future.set_result(1)
@case
def future_running():
    future = concurrent.futures.Future()
    return future.running, future.set_running_or_notify_cancel
@case
def future_cancelled():
    future = concurrent.futures.Future()
    return future.cancelled, future.cancel
@case
def sched_yield():
    done = []
    return lambda: os.sched_yield() or done, lambda: done.append(1)
@case
def future_result_zero():
    future = concurrent.futures.Future()
    return fails(concurrent.futures.TimeoutError, future.result, 0), lambda: future.set_result(1)
@case
def futures_as_completed_zero():
    futures = [concurrent.futures.Future() for _ in range(2)]
    def end():
        for future in futures: future.done() or future.set_result(1)
    return fails(concurrent.futures.TimeoutError, lambda: list(concurrent.futures.as_completed(futures, 0))), end
@case
def futures_wait_zero():
    future = concurrent.futures.Future()
    return lambda: concurrent.futures.wait([future], 0).done, lambda: future.set_result(1)

# -- Processes

def child():
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    kept.append(process)
    return process, process.stdin.close

@case
def popen_wait_zero():
    process, end = child()
    return fails(subprocess.TimeoutExpired, process.wait, 0), end
@case
def popen_poll():
    process, end = child()
    return lambda: process.poll() is not None, end
def ended(process, found):
    if found:
        process.returncode = 0
    return found
@case
def popen_communicate_zero():
    # The standard method raises TimeoutExpired without a look at the pipes.
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    kept.append(process)
    done, communicate = [], fails(subprocess.TimeoutExpired, process.communicate, None, 0)
    return lambda: communicate() or done, lambda: done.append(1)
@case
def waitpid():
    process, end = child()
    return lambda: ended(process, os.waitpid(process.pid, os.WNOHANG)[0]), end
@case
def wait4():
    process, end = child()
    return lambda: ended(process, os.wait4(process.pid, os.WNOHANG)[0]), end
@case
def waitid():
    process, end = child()
    return lambda: ended(process, os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG)), end

# -- multiprocessing

processes = multiprocessing.get_context("fork")
@case
def process_semaphore():
    semaphore = processes.Semaphore(0)
    return lambda: semaphore.acquire(False), semaphore.release
@case
def process_semaphore_value():
    semaphore = processes.Semaphore(0)
    return semaphore.get_value, semaphore.release
@case
def process_event():
    event = processes.Event()
    return event.is_set, event.set
@case
def process_value():
    value = processes.Value("i", 0)
    def end(): value.get_obj().value = 1
    return lambda: value.value, end
@case
def process_pipe_poll():
    here, there = processes.Pipe()
    return lambda: here.poll() and [there], lambda: there.send_bytes(b"x")
@case
def thread_pool_result_ready():
    go, pool = threading.Event(), multiprocessing.pool.ThreadPool(1)
    kept.append(pool)
    return pool.apply_async(go.wait).ready, go.set

# -- Sockets

BUSY = (BlockingIOError, ssl.SSLWantReadError)
def pair(kind=socket.SOCK_STREAM):
    here, there = socket.socketpair(socket.AF_UNIX, kind)
    here.setblocking(False)
    kept.append((here, there))
    return here, there

def receiving(name, *args):
    def made():
        here, there = pair()
        return fails(BUSY, getattr(here, name), *args), lambda: there.send(b"x")
    cases["socket_" + name] = made
for name, *args in (("recv", 9), ("recv_into", bytearray(9)), ("recvfrom", 9), ("recvfrom_into", bytearray(9)),
                    ("recvmsg", 9), ("recvmsg_into", [bytearray(9)])):
    receiving(name, *args)

def sending(name, *args):
    def made():
        here, there = pair()
        try:
            while True: here.send(b"x" * 4096)
        except BlockingIOError: pass
        def end():
            for _ in range(400): there.recv(4096, socket.MSG_DONTWAIT)
        return fails(BUSY, getattr(here, name), *args), lambda: fails(BUSY, end)()
    cases["socket_" + name] = made
for name, *args in (("send", b"x"), ("sendall", b"x"), ("sendmsg", [b"x"])):
    sending(name, *args)

@case
def socket_recv_dontwait():
    here, there = pair(); here.setblocking(True)
    return fails(BUSY, here.recv, 9, socket.MSG_DONTWAIT), lambda: there.send(b"x")
@case
def socket_file_read():
    here, there = pair()
    file = here.makefile("rb", buffering=0)
    return lambda: file.read(9) is not None, lambda: there.send(b"x")
@case
def socket_recv_always_ready():
    here, there = pair()
    done = []
    def poll():
        there.send(b"x"); here.recv(1)
        return bool(done)
    return poll, lambda: done.append(1)
@case
def socket_sendto():
    server, client = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in "ab")
    server.bind("\\0spin%d" % id(server)); client.setblocking(False)
    kept.append((server, client))
    send = fails(BUSY, client.sendto, b"x", server.getsockname())
    while send(): pass
    return send, lambda: server.recv(9)
@case
def udp_recvfrom():
    server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "ab")
    server.bind(("127.0.0.1", 0)); server.setblocking(False); kept.append((server, client))
    return fails(BUSY, server.recvfrom, 9), lambda: client.sendto(b"x", server.getsockname())
@case
def socket_accept():
    server = socket.create_server(("127.0.0.1", 0)); server.setblocking(False)
    client = socket.socket(); client.setblocking(False); kept.append((server, client))
    return fails(BUSY, lambda: kept.append(server.accept())), lambda: client.connect_ex(server.getsockname())
def connecting(name):
    def made():
        server = socket.socket(socket.AF_UNIX); server.bind("\\0conn%d" % id(server)); server.listen(0)
        first, second = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        first.connect(server.getsockname()); second.setblocking(False)
        kept.append((server, first, second))
        call, address = getattr(second, name), server.getsockname()
        poll = (lambda: call(address) == 0) if name == "connect_ex" else fails(BUSY, call, address)
        return poll, lambda: kept.append(server.accept())
    cases["socket_" + name] = made
connecting("connect")
connecting("connect_ex")

def tls():
    inner, outer = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inner.check_hostname, inner.verify_mode = False, ssl.CERT_NONE
    outer.load_cert_chain(os.path.join(TESTS, "support", "localhost.pem"))
    here, there = socket.socketpair()
    made = (inner.wrap_socket(here, do_handshake_on_connect=False),
            outer.wrap_socket(there, server_side=True, do_handshake_on_connect=False))
    kept.append(made)
    return made
@case
def tls_recv():
    here, there = tls()
    shaken = greenrt.spawn(there.do_handshake)
    here.do_handshake(); shaken.get()
    here.setblocking(False)
    return fails(BUSY, here.recv, 9), lambda: there.send(b"x")
@case
def tls_handshake():
    here, there = tls()
    here.setblocking(False)
    go = threading.Event()
    greenrt.spawn(lambda: (go.wait(), there.do_handshake()))
    return fails(BUSY, here.do_handshake), go.set

# -- signal

@case
def signal_signal():
    done = []
    return lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN) and done, lambda: done.append(1)
@case
def signal_getsignal():
    done = []
    return lambda: signal.getsignal(signal.SIGUSR2) is None or done, lambda: done.append(1)
@case
def signal_raise_signal():
    signal.signal(signal.SIGUSR1, lambda *_: None)
    done = []
    return lambda: signal.raise_signal(signal.SIGUSR1) or done, lambda: done.append(1)

# -- select, os

@case
def select_zero():
    here, there = pair()
    return lambda: select.select([here], [], [], 0)[0], lambda: there.send(b"x")
@case
def poll_zero():
    here, there = pair()
    poller = select.poll(); poller.register(here, select.POLLIN)
    return lambda: poller.poll(0), lambda: there.send(b"x")
@case
def epoll_zero():
    here, there = pair()
    poller = select.epoll(); poller.register(here, select.EPOLLIN)
    return lambda: poller.poll(0), lambda: there.send(b"x")
def selecting(kind):
    def made():
        here, there = pair()
        selector = kind(); selector.register(here, selectors.EVENT_READ)
        return lambda: selector.select(0), lambda: there.send(b"x")
    cases[kind.__name__] = made
selecting(selectors.SelectSelector)
selecting(selectors.PollSelector)
selecting(selectors.EpollSelector)
def pipe():
    ends = os.pipe()
    for fd in ends: os.set_blocking(fd, False)
    return ends
@case
def os_read():
    source, target = pipe()
    return fails(BUSY, os.read, source, 9), lambda: os.write(target, b"x")
@case
def os_readv():
    source, target = pipe()
    return fails(BUSY, os.readv, source, [bytearray(9)]), lambda: os.write(target, b"x")
@case
def os_write():
    source, target = pipe()
    write = fails(BUSY, os.write, target, b"x" * 4096)
    while write(): pass
    return write, lambda: os.read(source, 1 << 16)
@case
def sleep_zero():
    done = []
    return lambda: time.sleep(0) or done, lambda: done.append(1)
"""

SPIN = """
def spin(name, poll):
    limit = time.monotonic() + LIMIT
    try:
        while not poll():
            if time.monotonic() > limit:
                starved.append(name)
                break
    except BaseException as error:
        # Otherwise the end of a green thread would hide a failure.
        starved.append((name, error))

starved = []
for name, made in cases.items():
    poll, end = made()
    ENDER
    # The main greenlet, then a green thread, which may not set a handler.
    if len(name) % 2 or name == "signal_signal":
        spin(name, poll)
    else:
        spinner = threading.Thread(target=spin, args=(name, poll)); spinner.start(); spinner.join()
for thing in kept:
    if isinstance(thing, multiprocessing.pool.ThreadPool): thing.terminate()
print(len(cases), starved, flush=True)
"""


@pytest.mark.parametrize(
    "call",
    [
        "signal.getsignal(signal.SIGUSR2)",
        "signal.raise_signal(signal.SIGUSR1)",
        "signal.signal(signal.SIGUSR1, int)",
        "signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)",
    ],
)
def test_a_loop_over_signals_is_ended_by_a_timeout_a_kill_and_a_handler(call: str) -> None:
    output, _ = run_script(f"""
        import greenrt.monkey
        greenrt.monkey.patch_all()
        import greenrt, signal, threading

        signal.signal(signal.SIGUSR1, lambda *_: None)
        def spins():
            while True:
                {call}
        try:
            with greenrt.Timeout(0.02): spins()
        except greenrt.Timeout: print("timeout")
        spinner = greenrt.spawn(spins)
        greenrt.sleep(0.02)
        spinner.kill(timeout=10)
        print("killed", spinner.dead)
        def interrupts(*_): raise LookupError
        signal.signal(signal.SIGALRM, interrupts)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        try: spins()
        except LookupError: print("interrupted")
    """)
    assert output == "timeout\nkilled True\ninterrupted\n"


@pytest.mark.parametrize("ender", ENDERS)
def test_a_loop_that_polls_is_ended_by(ender: str) -> None:
    script = CASES + SPIN.replace("ENDER", ENDERS[ender])
    script = f"TESTS, LIMIT = {TESTS!r}, 20.0\n{script}\nos._exit(0)\n"
    output, _ = run_script(script)
    count, starved = output.split(" ", 1)
    assert int(count) >= 70
    assert starved.strip() == "[]"
