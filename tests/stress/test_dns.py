"""Names under attack and under loss, in counts that no unit test reaches."""

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from support.fake_name_server import FORGED, FakeServer, address_of

import greenrt
from greenrt.dns.answer import ResolverError, TimedOut
from greenrt.dns.stub import Stub

from .conftest import SEED, Campaign
from .test_campaigns import ROOM, resident

pytestmark = [pytest.mark.stress, pytest.mark.time_limit(1800)]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(seed=SEED) as it:
        yield it


@pytest.fixture
def stub_of(server: FakeServer) -> Iterator[Callable[..., Stub]]:
    made = []

    def make(timeout: float = 1.0, attempts: int = 4, **options: Any) -> Stub:
        stub = Stub(**options)
        stub.configure(
            SimpleNamespace(
                servers=[server.server], timeout=timeout, attempts=attempts, rotate=False, use_vc=False
            )
        )
        made.append(stub)
        return stub

    yield make
    for stub in made:
        stub.close()


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def outcomes(stub: Stub, names: list[str]) -> Counter[str]:
    """Look all `names` up at once; return how often there was which result: "right", "wrong", or an error's name."""
    counts: Counter[str] = Counter()

    def look_up(name: str) -> None:
        try:
            answer = stub.query(name, "A")
        except ResolverError as error:
            counts[type(error).__name__] += 1
        else:
            counts["right" if answer.records == [address_of(name)] else "wrong"] += 1

    greenrt.joinall([greenrt.spawn(look_up, name) for name in names], raise_error=True)
    return counts


def test_loss(campaign: Campaign, server: FakeServer, stub_of: Callable[..., Stub]) -> None:
    """36 % of the round trips fail: of 1000 names at least 95 % are resolved, and nothing hangs."""
    server.loss = 0.2
    found = outcomes(stub_of(), [f"n{number}.test" for number in range(1000)])
    campaign.report(f"{dict(found)}")
    assert found["right"] >= 950
    assert found["wrong"] == 0


def test_black_holes(campaign: Campaign, stub_of: Callable[..., Stub]) -> None:
    """1000 lookups, ten of them of names that nobody answers for: the others' p99 is below 100 ms (times ROOM)."""
    stub = stub_of(timeout=20)
    silent = [greenrt.spawn(stub.query, f"drop.{number}.test", "A") for number in range(10)]
    taken = []

    def look_up(number: int) -> None:
        started = time.perf_counter()
        stub.query(f"n{number}.test", "A")
        taken.append(time.perf_counter() - started)

    pool = greenrt.Pool(100)
    pool.map(look_up, range(1000))
    greenrt.killall(silent)
    p99 = sorted(taken)[989]
    campaign.report(f"p99 {p99 * 1e3:.1f} ms with 100 at a time")
    assert p99 < 0.1 * ROOM


def test_forgeries(campaign: Campaign, server: FakeServer, stub_of: Callable[..., Stub]) -> None:
    """10^5 forged answers with a wrong id, port, question or letter case: none is taken."""
    stub = stub_of(timeout=5)
    server.forgeries = 25
    verbs = ("badid", "badport", "badq", "badcase")
    refused = wrong = 0
    for batch in campaign.rounds(10, least=1):
        names = [f"{verbs[number % 4]}.abcdefghijklmnop{batch}-{number}.test" for number in range(400)]
        found = outcomes(stub, names)
        wrong += found["wrong"]
        refused += sum(found.values()) - found["right"]
    campaign.report(
        f"{campaign.done * 400 * 25:,} forged answers; {wrong} taken, {refused} lookups without an answer"
    )
    assert wrong == 0
    assert refused <= campaign.done * 400 * 0.02


def damage(reply: bytes, rng: random.Random) -> list[bytes]:
    broken = bytearray(reply)
    for _ in range(rng.randint(1, 10)):
        broken[rng.randrange(2, len(broken))] = rng.randrange(256)
    if rng.random() < 0.2:
        del broken[rng.randrange(12, len(broken)) :]
    return [bytes(broken)]


def damage_records(reply: bytes, rng: random.Random) -> list[bytes]:
    """Leave the header and the question as they are: what is damaged is read."""
    end = reply.index(0, 12) + 5
    return [reply[:end] + broken[end:] for broken in damage(reply, rng)]


@pytest.mark.parametrize("how", [damage, damage_records])
@pytest.mark.parametrize("rtype", ["A", "MX"])
def test_fuzz(
    campaign: Campaign,
    server: FakeServer,
    stub_of: Callable[..., Stub],
    rtype: str,
    how: Callable[..., list[bytes]],
) -> None:
    """10^5 damaged answers: no crash, nobody is left waiting, memory stays. A is read by us, MX by c-ares."""
    server.mangle = how
    stub = stub_of(timeout=0.3, attempts=2, coalesce=False)
    before = open_files()
    total: Counter[str] = Counter()
    first = 0

    def look_up() -> None:
        try:
            stub.query("cname.test" if rtype == "A" else "control.test", rtype)
            total["answered"] += 1
        except ResolverError as error:
            total[type(error).__name__] += 1

    for batch in campaign.rounds(25, least=4):
        lets = [greenrt.spawn(look_up) for _ in range(1000)]
        greenrt.joinall(lets, raise_error=True)
        del server.packets[:]
        if batch == 2:
            first = resident()
    last = resident()
    campaign.report(
        f"{campaign.done * 1000:,} lookups of {rtype} of two tries: {dict(total)}; "
        f"resident memory {first / 2**20:.1f} MiB after the third batch, {last / 2**20:.1f} MiB at the end"
    )
    assert open_files() <= before
    assert last <= first * 1.1


def test_malformed_datagrams(campaign: Campaign, server: FakeServer, stub_of: Callable[..., Stub]) -> None:
    """Three answers of 1000 are garbage: at most 2 % of the lookups under way are hurt."""
    hits = [3]

    def damage(reply: bytes, rng: random.Random) -> list[bytes]:
        if hits[0]:
            hits[0] -= 1
            return [rng.randbytes(40)]
        return [reply]

    server.mangle = damage
    found = outcomes(stub_of(), [f"m{number}.test" for number in range(1000)])
    campaign.report(f"{dict(found)}")
    assert found["right"] >= 980


def test_forks(campaign: Campaign, server: FakeServer, stub_of: Callable[..., Stub]) -> None:
    """100 forks in the middle of lookups: both sides get their answers."""
    stub = stub_of(timeout=5)
    before = open_files()
    for turn in campaign.rounds(100, least=10):
        names = [f"slow30.{turn}-{number}.test" for number in range(10)]
        lets = [greenrt.spawn(stub.query, name, "A") for name in names]
        greenrt.sleep(0.005)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                greenrt.get_hub().loop.reinit()
                greenrt.joinall(lets)
                right = all(let.value.records == [address_of(n)] for n, let in zip(names, lets, strict=True))
                status = 0 if right and stub.query("after.test", "A").records else 2
            finally:
                os._exit(status)
        greenrt.joinall(lets, raise_error=True)
        assert all(let.value.records == [address_of(n)] for n, let in zip(names, lets, strict=True))
        while (done := os.waitpid(pid, os.WNOHANG)) == (0, 0):
            greenrt.sleep(0.002)
        assert done[1] == 0
    campaign.report(f"{campaign.done} forks with 10 lookups under way")
    assert open_files() <= before


def test_kills(campaign: Campaign, stub_of: Callable[..., Stub]) -> None:
    """10^4 lookups killed or timed out at odd moments: no socket is left."""
    stub = stub_of(timeout=10)
    rng = random.Random(SEED)
    most = 0
    before = open_files()

    def look_up(name: str, timeout: float) -> None:
        with contextlib.suppress(TimedOut):
            stub.query(name, "A", timeout=timeout)

    for batch in campaign.rounds(50, least=5):
        kinds = ("drop", "slow5", "slow1", "plain")
        lets = [
            greenrt.spawn(look_up, f"{kinds[number % 4]}.{batch}-{number}.test", rng.random() * 0.1)
            for number in range(200)
        ]
        rng.shuffle(lets)
        for let in lets:
            if rng.random() < 0.1:
                greenrt.sleep(0)
            let.kill(block=False)
        most = max(most, open_files() - before)
        greenrt.joinall(lets)
        assert all(let.exception is None for let in lets)
        assert open_files() <= before
    campaign.report(
        f"{campaign.done * 200:,} lookups ended early; at most {most} sockets at once, none at the end"
    )


def test_forged_address_is_known(server: FakeServer, stub_of: Callable[..., Stub]) -> None:
    """The campaigns would see a forgery: this one is taken, since nothing is wrong with it."""
    server._do_plain = lambda ask: ask.answer(ask.forged())
    assert stub_of().query("plain.x.test", "A").records == [FORGED]
