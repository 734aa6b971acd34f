"""Threads and loops in numbers: posts, posts that race with a close, calls between loops, hubs that come and go."""

import os
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import greenrt
from greenrt._loop.loop import Loop
from greenrt.errors import LoopClosed

from .conftest import Campaign
from .test_campaigns import resident

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]

POSTERS = 4
PATIENCE = 30.0


def together(works: list[Callable[[], object]]) -> list[threading.Thread]:
    """Start a thread for each of `works`."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    return threads


def end(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_posts_through_proxies(campaign: Campaign, hub: greenrt.Hub) -> None:
    """4 x 250 000 posts: each runs once, in order for each thread, with one write of the wakeup fd a turn at most."""
    writes, turns = hub.loop.wakeups, hub.loop.iteration
    began = time.perf_counter()
    posts = 0
    for _ in campaign.rounds(25):
        seen: list[list[int]] = [[] for _ in range(POSTERS)]

        def post(mine: list[int]) -> None:
            proxy = hub.loop.proxy()
            for number in range(10_000):
                proxy.post(mine.append, number)

        threads = together([lambda mine=mine, post=post: post(mine) for mine in seen])
        while sum(map(len, seen)) < POSTERS * 10_000:
            greenrt.sleep(0.001)
        end(threads)
        assert seen == [list(range(10_000))] * POSTERS
        posts += POSTERS * 10_000
    took = time.perf_counter() - began
    writes = hub.loop.wakeups - writes
    turns = hub.loop.iteration - turns
    campaign.report(f"{posts:,} posts in {took:.1f} s, {writes:,} writes in {turns:,} turns")
    assert writes <= turns + POSTERS * campaign.done


@pytest.fixture
def busy_switching() -> Iterator[None]:
    """Threads take turns a thousand times as often as they do by default."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 1000)
    yield
    sys.setswitchinterval(before)


def race(loop: Loop, least: int) -> tuple[int, int, int, int]:
    """Close `loop` while four threads post, after `least` posts.

    Return how many posts were accepted, refused, refused after they had been queued, and run.
    """
    accepted, refused, late, ran = ([0] * POSTERS for _ in range(4))
    start = threading.Barrier(POSTERS + 1)

    def run(number: int) -> None:
        ran[number] += 1

    def body(number: int) -> None:
        start.wait(PATIENCE)
        while not refused[number]:
            try:
                loop.proxy().post(run, number)
                accepted[number] += 1
                time.sleep(0)
            except LoopClosed as error:
                refused[number] += 1
                late[number] += "was closed" in str(error)

    threads = together([lambda number=number: body(number) for number in range(POSTERS)])
    start.wait(PATIENCE)
    while sum(accepted) < least and all(thread.is_alive() for thread in threads):
        loop.run(nowait=True)
    loop.close()
    end(threads)
    return sum(accepted), sum(refused), sum(late), sum(ran)


def post(loop: Loop, run: Callable[[int], None], number: int) -> None:
    loop.proxy().post(run, number)


class Slow(Loop):
    """Lets the other threads go on in the middle of a post, which else is over before they can."""

    def wake(self) -> None:
        super().wake()
        time.sleep(0.0001)


def test_closes_that_race_with_posts(campaign: Campaign, busy_switching: None) -> None:
    """2000 closes, four posters each: what was posted either ran or was refused."""
    chance = campaign.random()
    total = Counter[str]()
    for number in campaign.rounds(2000, least=50):
        accepted, refused, late, ran = race((Loop, Slow)[number % 2](), chance.randrange(100))
        assert accepted == ran
        total.update(sent=accepted + refused, ran=ran, refused=refused, late=late)
    campaign.report(
        f"{campaign.done:,} closes, {total['sent']:,} posts: {total['ran']:,} ran, "
        f"{total['refused']:,} were refused, {total['late']:,} of them by their second look"
    )


class Careless(Loop):
    """Asks for `closed` before a post is queued, and not after."""

    def __init__(self) -> None:
        super().__init__()
        self.box: deque[Any] = deque()

    def post(self, entry: Any) -> None:
        if self.closed:
            raise LoopClosed("closed")
        time.sleep(0)
        self.box.append(entry)

    def collect_posts(self, limit: int = sys.maxsize) -> None:
        for _ in range(min(limit, len(self.box))):
            self.ready.append(self.box.popleft())


def test_a_post_that_does_not_look_twice_would_be_caught(campaign: Campaign, busy_switching: None) -> None:
    chance = campaign.random()
    for _ in campaign.rounds(20_000):
        accepted, _, _, ran = race(Careless(), chance.randrange(100))
        if accepted != ran:
            break
    else:
        pytest.fail("no post was lost")
    campaign.report(f"seen at close {campaign.done}")


def test_ping_pong_between_two_loops(campaign: Campaign, hub: greenrt.Hub) -> None:
    """10^5 calls back and forth between the hubs of two threads, from greenlets on both sides at once."""
    ready = threading.Event()
    over = greenrt.Event()
    proxies: list[Any] = [hub.loop.proxy()]
    home = threading.get_ident()
    a_round = 100

    def live() -> None:
        other = greenrt.get_hub()
        proxies.append(other.loop.proxy())
        ready.set()
        over.wait()
        other.destroy()

    def play(proxy: Any, there: int, got: list[int]) -> None:
        for number in range(a_round):
            ident, answer = proxy.call(lambda number=number: (threading.get_ident(), number + 1))
            assert ident == there
            got.append(answer)

    thread = threading.Thread(target=live)
    thread.start()
    assert ready.wait(PATIENCE)
    calls = 0
    began = time.perf_counter()
    try:
        for _ in campaign.rounds(500, least=5):
            mine, theirs = [], []
            returning = proxies[1].call(greenrt.spawn, play, proxies[0], home, theirs)
            play(proxies[1], thread.ident, mine)
            returning.get(timeout=PATIENCE)
            assert mine == theirs == list(range(1, a_round + 1))
            calls += 2 * a_round
    finally:
        took = time.perf_counter() - began
        over.set()
        end([thread])
    campaign.report(f"{calls:,} calls, {took / calls * 1e6:.0f} us each")


def come_and_go(campaign: Any, body: Callable[[], object], full: int, least: int) -> list[str]:
    """Run so many threads with that body one after another; return what they leave behind."""
    held = first = 0
    fds = len(os.listdir("/proc/self/fd"))
    began = time.perf_counter()
    for number in campaign.rounds(full, least=least):
        end(together([body]))
        if number == 199:
            first = resident()
        held = max(held, len(os.listdir("/proc/self/fd")))
    last, left = resident(), len(os.listdir("/proc/self/fd"))
    campaign.report(
        f"{campaign.done:,} threads in {time.perf_counter() - began:.1f} s; {fds} fds before, {held} at most, "
        f"{left} after; resident memory {first / 2**20:.1f} MiB after 200 threads, "
        f"{last / 2**20:.1f} MiB at the end ({last / first - 1:+.1%})"
    )
    found = []
    if left > fds or held > fds + 10:
        found.append("fds")
    if last > first * 1.05:
        found.append("memory")
    return found


def with_a_hub() -> None:
    done = greenrt.Event()
    greenrt.spawn(done.set)
    assert done.wait(PATIENCE)
    greenrt.sleep(0)


def test_threads_that_come_and_go(campaign: Campaign) -> None:
    """5000 threads one after another, each with a hub of its own: no fd and no memory stays."""
    assert come_and_go(campaign, with_a_hub, 5000, 400) == []


def test_threads_that_leave_something_would_be_noticed(campaign: Campaign) -> None:
    """The broken variant: something of each thread stays."""
    kept: list[object] = []
    fds: list[int] = []

    def body() -> None:
        with_a_hub()
        kept.append(bytearray(b"x" * 100_000))
        if len(fds) < 20:
            fds.append(os.dup(0))

    try:
        assert come_and_go(campaign, body, 400, 400) == ["fds", "memory"]
    finally:
        for fd in fds:
            os.close(fd)
