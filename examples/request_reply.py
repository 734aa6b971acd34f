"""Requests and replies between threads, each with an event loop of its own.

The accounts of a bank belong to one thread, and only that thread accesses them, so no locks are needed. Clients,
greenlets of another thread, ask it to move money. A request that is answered at once is called through the proxy. A
request that must wait runs in a greenlet.

    python examples/request_reply.py --clients 50 --moves 200
"""

import argparse
import random
import threading
import time

import greenrt
from greenrt.errors import LoopClosed

ACCOUNTS = 10
START = 1000  # the first balance of each account


class Bank:
    """Accounts that belong to a thread of their own. Other threads use only `proxy`."""

    def __init__(self) -> None:
        """Start the thread, and wait until it accepts requests."""
        self.accounts = [START] * ACCOUNTS
        self.changed = greenrt.Event()
        self.closing = greenrt.Event()
        self.ready = greenrt.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        self.ready.wait()

    def _run(self) -> None:
        self.proxy = greenrt.get_hub().loop.proxy()
        self.ready.set()
        # While this greenlet waits, the hub of this thread runs the calls.
        self.closing.wait()

    def close(self) -> None:
        """End the thread; later requests raise LoopClosed."""
        self.closing.set()
        self.thread.join()

    # -- In the bank's thread

    def move(self, source: int, target: int, amount: int) -> int:
        """Move money in one step and return the rest; raise ValueError if there is not enough."""
        if self.accounts[source] < amount:
            raise ValueError(f"account {source} has {self.accounts[source]}, not {amount}")
        self.accounts[source] -= amount
        self.accounts[target] += amount
        self.changed.set()
        return self.accounts[source]

    def wait_for(self, account: int, amount: int) -> int:
        """Wait until an account has `amount`. Runs in a greenlet, because the call can't be answered at once."""
        while self.accounts[account] < amount:
            self.changed.clear()
            self.changed.wait()
        return self.accounts[account]


def client(bank: Bank, moves: int, seed: int) -> tuple[int, int]:
    """Move money at random; return how many moves were made and how many were refused."""
    chance, made, refused = random.Random(seed), 0, 0
    for _ in range(moves):
        try:
            bank.proxy.call(
                bank.move, chance.randrange(ACCOUNTS), chance.randrange(ACCOUNTS), chance.randrange(300)
            )
            made += 1
        except ValueError:
            # The bank's thread raised the error, and the call raises it here.
            refused += 1
    return made, refused


def main() -> None:
    """Run clients, and check that the total is unchanged."""
    parser = argparse.ArgumentParser(description="Request and reply between two threads' event loops.")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--moves", type=int, default=200, help="of each client")
    options = parser.parse_args()

    bank = Bank()
    started = time.perf_counter()
    clients = [greenrt.spawn(client, bank, options.moves, seed) for seed in range(options.clients)]
    outcomes = [one.get() for one in clients]
    took = time.perf_counter() - started
    made, refused = (sum(counts) for counts in zip(*outcomes, strict=True))
    print(f"{made} moves made, {refused} refused, {(made + refused) / took:.0f} a second")
    print(f"the accounts hold {sum(bank.proxy.call(list, bank.accounts))} of {START * ACCOUNTS}")

    # For a slow request the reply is the greenlet, for whose result any thread may wait.
    rich = bank.proxy.call(greenrt.spawn, bank.wait_for, 0, START * ACCOUNTS)
    for account in range(1, ACCOUNTS):
        bank.proxy.call(bank.move, account, 0, bank.proxy.call(bank.accounts.__getitem__, account))
    print(f"account 0 has {rich.get(timeout=10)}")

    bank.close()
    try:
        bank.proxy.call(bank.move, 0, 1, 1)
    except LoopClosed:
        print("the bank is closed")


if __name__ == "__main__":
    main()
