"""Forks of a busy process, in numbers. The script runs in a process of its own; its figures are printed."""

import json

import pytest
from support.child import run_script

from .conftest import Campaign

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]

SCRIPT = """
import faulthandler, json, os, random, signal, sys, threading, time, warnings
faulthandler.cancel_dump_traceback_later()
warnings.simplefilter("ignore", DeprecationWarning)
import greenrt
from greenrt.errors import Cancelled
from greenrt.green import os as green_os
from greenrt.green import socket
from greenrt.sync.threadpool import ThreadPool
from support.forking import fork

forks, seed, broken = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
choose = random.Random(seed)
hub = greenrt.get_hub()
loop = hub.loop
stop = False
parent, connected = os.getpid(), []
counts = dict.fromkeys(("greenlets", "timers", "threads", "pool", "lookups", "echoes", "posts"), 0)

def count(name):
    counts[name] += 1

# -- What keeps the process busy

def turns():
    while not stop:
        greenrt.sleep(choose.random() * 0.002)
        count("greenlets")

def lookups():
    while not stop:
        try:
            socket.getaddrinfo("localhost", 80)
        except Cancelled:
            # As in `calls`: where nsswitch.conf names sources that only the C library knows, a thread looks names up.
            return
        greenrt.sleep(0.001)
        count("lookups")

def calls():
    while not stop:
        try:
            assert pool.apply(pow, (2, 10)) == 1024
        except Cancelled:
            # This is a child, which has not the thread that was asked.
            return
        count("pool")

def echo(connection):
    with connection:
        connected.append(connection.fileno())
        try:
            while data := connection.recv(100):
                connection.sendall(data)
        except OSError:
            assert os.getpid() != parent

def echoes(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connected.append(connection.fileno())
        number = 0
        while not stop:
            text = b"%08d" % (number := number + 1)
            try:
                connection.sendall(text)
                assert connection.recv(100) == text
            except OSError:
                assert os.getpid() != parent
                return
            count("echoes")
            greenrt.sleep(0)

def posting():
    sent = 0
    while not stop:
        proxy.post(count, "posts")
        sent += 1
        time.sleep(0.001)
    posted.append(sent)

def own_hub():
    while not stop:
        greenrt.sleep(0.001)
        counts["threads"] += 1

pool = ThreadPool(3)
proxy = loop.proxy()
posted = []
timer = loop.timer(0.001, 0.001)
timer.start(count, "timers")
threads = [threading.Thread(target=posting), threading.Thread(target=own_hub), threading.Thread(target=own_hub)]
listener = socket.create_server(("127.0.0.1", 0))

def accept():
    connection, _ = listener.accept()
    echo(connection)

jobs = [greenrt.spawn(accept), greenrt.spawn(echoes, listener.getsockname()[1])]
jobs += [greenrt.spawn(turns) for _ in range(20)]
jobs += [greenrt.spawn(lookups), greenrt.spawn(calls), greenrt.spawn(calls)]
for thread in threads:
    thread.start()
parents_fds = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in loop._own_fds()}

# -- What a child shows

def in_child():
    # Its threads are gone, its loop goes on: timers, greenlets, native threads, lookups, posts.
    before = dict(counts)
    with greenrt.Timeout(20):
        greenrt.sleep(0.005)
        assert greenrt.spawn(lambda: 7).get() == 7
        assert ThreadPool(1).apply(pow, (3, 2)) == 9
        socket.getaddrinfo("localhost", 80)
        proxy.post(count, "posts")
        while not (counts["posts"] > before["posts"] and counts["timers"] > before["timers"]
                   and counts["greenlets"] > before["greenlets"]):
            greenrt.sleep(0.001)
    pipes = {fd: text for fd, text in parents_fds.items() if text.startswith("pipe:")}
    now = {os.readlink(f"/proc/self/fd/{fd}") for fd in loop._own_fds()}
    assert not now & set(pipes.values()), "it shares the parent's pipe"
    os.kill(os.getpid(), signal.SIGUSR1)
    # Not one byte of it may wake the parent.
    while not signals:
        greenrt.sleep(0.001)

signals = []
signal.signal(signal.SIGUSR1, lambda number, frame: signals.append(number))

def harm():
    # The broken variant: a child that does not let go of the parent's connection.
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        greenrt.sleep(0.001)

def check(pid):
    with greenrt.Timeout(60):
        _, status = green_os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)

failed, elsewhere, taken = 0, 0, []

def forked():
    began = time.perf_counter()
    pid = fork(lambda: (quiet(), in_child()) if broken == "no" else harm())
    taken.append(time.perf_counter() - began)
    return pid

def quiet():
    # The connection is the parent's as well, and what a child takes from it the parent misses.
    null = os.open(os.devnull, os.O_RDWR)
    for fd in connected:
        os.dup2(null, fd)
    for job in jobs[:2]:
        job.kill(block=False)

while counts["echoes"] == 0:
    greenrt.sleep(0.01)
for number in range(forks):
    greenrt.sleep(choose.random() * 0.003)
    if choose.random() < 0.25:
        # From a native thread: the child has no loop but those that it makes.
        elsewhere += 1
        pids = []
        def from_thread():
            pids.append(fork(lambda: greenrt.spawn(greenrt.sleep, 0.001).get()))
        thread = threading.Thread(target=from_thread)
        thread.start()
        while thread.is_alive():
            greenrt.sleep(0.001)
        failed += check(pids[0]) != 0
    else:
        failed += check(forked()) != 0
assert not signals
alive = dict(counts)
end = time.monotonic() + (20 if broken == "no" else 1)
while any(counts[name] == alive[name] for name in counts) and time.monotonic() < end:
    greenrt.sleep(0.005)
stuck = [name for name in counts if counts[name] == alive[name]]
stop = True
for thread in threads:
    while thread.is_alive():
        greenrt.sleep(0.001)
greenrt.sleep(0.01)
timer.close()
errors = []
for job in jobs:
    try:
        job.get(timeout=20 if broken == "no" else 0.1)
    except BaseException as error:
        errors.append(repr(error))
pool.kill()
listener.close()
assert posted == [counts["posts"]] or broken != "no", (posted, counts)
same = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in loop._own_fds()} == parents_fds
print(json.dumps({"failed": failed, "elsewhere": elsewhere, "stuck": stuck, "errors": errors, "same": same,
                  "counts": counts, "median": sorted(taken)[len(taken) // 2], "longest": max(taken)}))
"""


def run(forks: int, broken: str) -> tuple[dict[str, object], str]:
    output, errors = run_script(SCRIPT, str(forks), "20", broken, code=0 if broken == "no" else None)
    return (json.loads(output) if output else {}), errors


def test_forks_of_a_busy_process(campaign: Campaign) -> None:
    """500 forks (boxed: fewer) from greenlets and threads: the parent goes on unharmed, each child's hub works."""
    total, elsewhere, counts = 0, 0, {}
    # The limit of a script's time.
    for _ in campaign.rounds(20, 2):
        told, errors = run(25, "no")
        assert errors == ""
        assert (told["failed"], told["stuck"], told["errors"], told["same"]) == (0, [], [], True), told
        total += 25
        elsewhere += told["elsewhere"]
        counts = {name: counts.get(name, 0) + number for name, number in told["counts"].items()}
    campaign.report(
        f"{total} forks, {elsewhere} of them in native threads, all children well; the parent meanwhile: "
        + ", ".join(f"{number} {name}" for name, number in counts.items())
        + f"; a fork takes {told['median'] * 1e3:.1f} ms"
    )


def test_a_child_that_keeps_the_parents_connection_is_noticed() -> None:
    """The broken variant."""
    told, errors = run(3, "yes")
    assert told.get("errors") or told.get("stuck") or "Error" in errors
