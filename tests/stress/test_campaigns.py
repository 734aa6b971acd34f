"""Counts that no unit test reaches. Figures are printed; what is asserted has room for a busy machine."""

import contextlib
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import pytest
from support.build import ROOT
from support.child import environment
from support.protocol import Scenario, search

import greenrt
from greenrt.green import socket as green_socket

from .conftest import Campaign

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]

# What is asserted of a time is so many times wider than what is aimed at.
ROOM = 5


def resident() -> int:
    """Return the process's resident memory in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_waves_of_greenlets(campaign: Campaign) -> None:
    """10^6 greenlets spawned and joined, 10^4 at a time: memory stays what it was after the second wave."""

    def body() -> None:
        greenrt.sleep(0)

    second = 0
    for wave in campaign.rounds(100, least=4):
        greenrt.joinall([greenrt.spawn(body) for _ in range(10_000)])
        if wave == 1:
            second = resident()
    last = resident()
    campaign.report(
        f"{campaign.done * 10_000:,} greenlets; resident memory {second / 2**20:.1f} MiB after the second wave, "
        f"{last / 2**20:.1f} MiB after the last ({last / second - 1:+.1%})"
    )
    assert last <= second * 1.05


def test_posts_from_four_threads(campaign: Campaign, hub: greenrt.Hub) -> None:
    """4 x 250 000 posts: each runs once, in order for each thread, and few of them write to the wakeup fd."""
    before = hub.loop.wakeups
    a_round = 10_000
    posts = 0
    for _ in campaign.rounds(25):
        seen: list[list[int]] = [[] for _ in range(4)]

        def post(mine: list[int]) -> None:
            for number in range(a_round):
                hub.loop.run_callback_threadsafe(mine.append, number)

        threads = [threading.Thread(target=post, args=(mine,)) for mine in seen]
        for thread in threads:
            thread.start()
        while sum(map(len, seen)) < 4 * a_round:
            greenrt.sleep(0.001)
        for thread in threads:
            thread.join()
        assert seen == [list(range(a_round))] * 4
        posts += 4 * a_round
    writes = hub.loop.wakeups - before
    campaign.report(f"{posts:,} posts, {writes:,} writes ({posts / writes:.0f} posts a write)")
    assert writes < posts / 5


# A peer in a process of its own: it sends a byte, waits for it to come back, and prints the longest wait, in seconds.
PEER = """
import socket, sys, time
worst = 0.0
with socket.socket(fileno=int(sys.argv[1])) as sock:
    for _ in range(int(sys.argv[2])):
        began = time.monotonic()
        sock.send(b"x")
        sock.recv(1)
        worst = max(worst, time.monotonic() - began)
print(worst)
"""


@pytest.fixture
def spinners(hub: greenrt.Hub) -> Iterator[None]:
    """1000 greenlets that are always ready, and a callback that posts itself."""
    stop: list[bool] = []

    def spin() -> None:
        while not stop:
            greenrt.sleep(0)

    def again() -> None:
        if not stop:
            hub.loop.run_callback(again)

    busy = [greenrt.spawn(spin) for _ in range(1000)]
    again()
    yield
    stop.append(True)
    greenrt.joinall(busy)


def latest_timer(rounds: Iterable[int]) -> float:
    """Return by how many seconds the latest of some timers was late."""
    late = []
    for _ in rounds:
        due = time.monotonic() + 0.01
        greenrt.sleep(0.01)
        late.append(time.monotonic() - due)
    return max(late)


def test_fair_to_timers(campaign: Campaign, spinners: None) -> None:
    """A timer is late by 20 ms at most, however many are always ready."""
    count = 300 if campaign.full else 100
    worst = [latest_timer(campaign.rounds(count, least=10)) for _ in range(3)]
    campaign.report("latest timers of three rounds: " + ", ".join(f"{late * 1e3:.1f} ms" for late in worst))
    assert min(worst) < 0.02 * ROOM


def test_a_greenlet_that_keeps_the_processor_would_be_noticed(campaign: Campaign) -> None:
    """The broken variant: one that lets others run too seldom."""
    stop: list[bool] = []

    def hog() -> None:
        while not stop:
            time.sleep(0.03 * ROOM)
            greenrt.sleep(0)

    hogging = greenrt.spawn(hog)
    worst = latest_timer(range(10))
    stop.append(True)
    hogging.join()
    campaign.report(f"latest timer: {worst * 1e3:.1f} ms")
    assert worst >= 0.02 * ROOM


def test_fair_to_sockets(campaign: Campaign, spinners: None) -> None:
    """A socket is served every 20 ms, however many are always ready."""
    worst = []
    for _ in range(3):
        near, far = green_socket.socketpair()
        with near:
            with far:
                command = [sys.executable, "-c", PEER, str(far.fileno()), "300" if campaign.full else "100"]
                peer = subprocess.Popen(
                    command, pass_fds=[far.fileno()], stdout=subprocess.PIPE, env=environment()
                )
            while data := near.recv(1):
                near.sendall(data)
        worst.append(float(peer.communicate()[0]))
    campaign.report("longest rounds of three: " + ", ".join(f"{late * 1e3:.1f} ms" for late in worst))
    assert min(worst) < 0.02 * ROOM


def test_idle_and_active_connections(campaign: Campaign) -> None:
    """10 000 idle connections and 100 active ones: no error, and the active ones are answered within 50 ms."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    idle = min(10_000, (limit[1] - 1000) // 2)
    times: list[float] = []
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limit)

        def pair() -> tuple[socket.socket, socket.socket]:
            one, other = socket.socketpair()
            return stack.enter_context(one), stack.enter_context(other)

        def echo(one: socket.socket) -> None:
            while True:
                greenrt.wait_read(one)
                data = one.recv(1024)
                if not data:
                    return
                one.send(data)

        def ask(other: socket.socket, count: int) -> None:
            for _ in range(count):
                began = time.monotonic()
                other.send(b"x" * 1000)
                greenrt.wait_read(other)
                assert len(other.recv(1024)) == 1000
                times.append(time.monotonic() - began)
                greenrt.sleep(0.001)

        waiting = [greenrt.spawn(echo, pair()[0]) for _ in range(idle)]
        active = [pair() for _ in range(100)]
        servers = [greenrt.spawn(echo, one) for one, _ in active]
        for _ in campaign.rounds(50):
            asking = [greenrt.spawn(ask, other, 20) for _, other in active]
            greenrt.joinall(asking, raise_error=True)
        greenrt.killall([*waiting, *servers])
    times.sort()
    p99 = times[len(times) * 99 // 100]
    campaign.report(
        f"{idle:,} idle; {len(times):,} requests, p50 {times[len(times) // 2] * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms"
    )
    assert p99 < 0.05 * ROOM


def test_greenlets_that_several_threads_wait_for_and_kill(campaign: Campaign) -> None:
    """Ends, joins and kills across threads, with and without hubs: every waiter wakes, every greenlet ends."""
    count = 0
    for _ in campaign.rounds(300):
        greenlets = [greenrt.spawn(greenrt.sleep, 0.001 * (n % 5)) for n in range(100)]
        eternal = [greenrt.spawn(greenrt.sleep, 1000) for _ in range(20)]
        joined: list[int] = []

        def plain(
            greenlets: list[greenrt.Greenlet] = greenlets,
            eternal: list[greenrt.Greenlet] = eternal,
            joined: list[int] = joined,
        ) -> None:
            for greenlet in eternal:
                greenlet.kill(block=False)
            for greenlet in [*greenlets, *eternal]:
                greenlet.join()
            joined.append(sum(greenlet.ready() for greenlet in [*greenlets, *eternal]))

        def hubbed(plain: Callable[[], None] = plain) -> None:
            greenrt.joinall([greenrt.spawn(plain) for _ in range(3)])

        threads = [threading.Thread(target=target) for target in (plain, hubbed, plain, hubbed)]
        for thread in threads:
            thread.start()
        greenrt.joinall([*greenlets, *eternal])
        while len(joined) < 8:
            greenrt.sleep(0.001)
        for thread in threads:
            thread.join()
        assert joined == [120] * 8
        count += 120 * 8
    campaign.report(f"{count:,} ends waited for across threads")


def test_random_orders(campaign: Campaign) -> None:
    """The suites above the loop under 20 seeds of the run queue's order; tests of promised orders left out."""
    folders = [f"tests/{name}" for name in ("hub", "sync", "green") if (ROOT / "tests" / name).is_dir()]
    failed = []
    for number in campaign.rounds(20):
        seed = str(number + 1)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", *folders],
            cwd=ROOT,
            env=environment(GREENRT_SEED=seed),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            failed.append(f"GREENRT_SEED={seed}:\n{done.stdout[-3000:]}")
    campaign.report(f"{campaign.done} seeds, {len(failed)} failed")
    assert not failed, "\n".join(failed)


def test_all_interleavings_of_the_base(campaign: Campaign) -> None:
    """Posts, finalizers that chain, breaks and closes on the model with the code's steps, three actors at a time."""
    scenarios = [
        Scenario((("post",), ("final",), ("close",)), chain=True),
        Scenario((("post", "post"), ("break",), ("close",))),
        Scenario((("post",), ("close",), ("close",))),
        Scenario((("final",), ("final",), ("close",)), chain=True),
        Scenario((("post", "post"), ("post", "final"), ("break",))),
    ]
    states = schedules = 0
    for number in campaign.rounds(len(scenarios), least=2):
        more_states, more_schedules = search(scenarios[number])
        states += more_states
        schedules += more_schedules
    campaign.report(f"{campaign.done} scenarios, {states:,} states, {schedules:.3g} schedules, no violation")
    assert schedules > 10**6
