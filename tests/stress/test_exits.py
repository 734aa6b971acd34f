"""The process ends at a random moment, while other native threads run greenlets: it never crashes."""

import subprocess
import sys

import pytest
from support.child import environment

from greenrt._native.switch import SURVIVES_FINALIZATION

from .conftest import Campaign

pytestmark = [
    pytest.mark.stress,
    pytest.mark.time_limit(1800),
    pytest.mark.skipif(not SURVIVES_FINALIZATION, reason="the plain build can't stop busy threads"),
]

PREPARE = """
import faulthandler, random, sys, threading, time
faulthandler.enable()
faulthandler.dump_traceback_later(60, exit=True)
import greenrt
from greenrt import _original
choose = random.Random(int(sys.argv[1]))

def work():
    while True:
        choice = choose.random()
        if choice < 0.6:
            greenrt.sleep(choose.random() * 0.001)
        elif choice < 0.8:
            sum(range(choose.randrange(10000)))
        elif choice < 0.9:
            _original.sleep(choose.random() * 0.0005)
        else:
            greenrt.spawn(greenrt.sleep, choose.random() * 0.001).join()

def serve():
    for _ in range(choose.randrange(1, 5)):
        greenrt.spawn(work)
    greenrt.sleep(choose.choice((0, 0.001, 1000)))
"""

KINDS = {
    "greenlets in pool threads": """
pool = greenrt.ThreadPool(3)
for _ in range(3):
    pool.spawn(serve)
""",
    "native threads with hubs": """
for _ in range(3):
    _original.start_new_thread(serve, ())
""",
    "daemon threads": """
from greenrt import monkey
monkey.patch_all()
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
for _ in range(2):
    greenrt.get_hub().threadpool.spawn(serve)
""",
    "DNS in flight": """
import socket
from greenrt import dns
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 0))
def ask():
    resolver = dns.Resolver(servers=["127.0.0.1:%d" % silent.getsockname()[1]])
    for number in range(100):
        greenrt.spawn(resolver.gethostbyname, f"name{number}.example.org")
    greenrt.sleep(0.01)
for _ in range(2):
    _original.start_new_thread(ask, ())
greenrt.spawn(ask)
""",
}

END = """
moment = choose.random() * 0.02
greenrt.sleep(moment) if choose.random() < 0.5 else _original.sleep(moment)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_random_exits(campaign: Campaign, kind: str) -> None:
    failed = []
    seeds = campaign.random(kind)
    for _ in campaign.rounds(400, least=10):
        seed = seeds.randrange(10**9)
        done = subprocess.run(
            [sys.executable, "-c", PREPARE + KINDS[kind] + END, str(seed)],
            env=environment(),
            capture_output=True,
            timeout=120,
        )
        if done.returncode != 0:
            failed.append((seed, done.returncode, done.stderr.decode(errors="replace")[-2000:]))
    campaign.report(f"{campaign.done} exits, {len(failed)} failed")
    assert not failed, failed[0]
