"""GREENRT_SEED: a shuffled run order where greenrt promises none; the same seed gives the same order."""

from support.child import run_script

SCRIPT = """
import greenrt
from greenrt._hub.seeded_queue import SeededRing

seen, waiters = [], []

def work(number):
    started.append(number)
    waiter = greenrt.Waiter()
    waiters.append(waiter)
    waiter.get()
    seen.append(number)

started = []
greenlets = [greenrt.spawn(work, number) for number in range(30)]
greenrt.sleep(0.001)
assert started == list(range(30))
for waiter in waiters:
    waiter.switch()
greenrt.joinall(greenlets)
assert sorted(seen) == list(range(30))
print(seen, isinstance(greenrt.get_hub().loop.ready, SeededRing))
"""


def order(seed: str) -> str:
    return run_script(SCRIPT, GREENRT_SEED=seed)[0]


def test_the_same_seed_gives_the_same_order() -> None:
    assert order("1") == order("1")


def test_another_seed_gives_another_order() -> None:
    assert len({order(str(seed)) for seed in range(1, 5)}) == 4


def test_without_a_seed_first_in_first_out() -> None:
    assert order("") == f"{list(range(30))} False\n"
