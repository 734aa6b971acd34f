"""Runs one function in greenlets and native threads at once."""

import threading
from collections.abc import Callable
from typing import Any

import greenrt

__all__ = ["everywhere"]

PATIENCE = 30.0


def everywhere(work: Callable[[int], Any], greenlets: int = 2, hubs: int = 2, plain: int = 2) -> list[Any]:
    """Call ``work(number)`` concurrently in many places; return the results, or raise the first error.

    The places: `greenlets` of this thread, as many in each of `hubs` threads with a hub, and `plain` threads without.
    """
    numbers = iter(range(greenlets * (hubs + 1) + plain))
    results: list[Any] = []
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            results.append(work(number))
        except BaseException as error:
            errors.append(error)

    def thread_with_hub(mine: list[int]) -> None:
        greenrt.joinall([greenrt.spawn(run, number) for number in mine])

    threads = [
        threading.Thread(
            target=thread_with_hub, args=([next(numbers) for _ in range(greenlets)],), daemon=True
        )
        for _ in range(hubs)
    ]
    threads += [threading.Thread(target=run, args=(next(numbers),), daemon=True) for _ in range(plain)]
    here = [greenrt.spawn(run, number) for number in numbers]
    for thread in threads:
        thread.start()
    greenrt.joinall(here, timeout=PATIENCE)
    stuck = [greenlet for greenlet in here if not greenlet.dead]
    for thread in threads:
        thread.join(1.0 if stuck else PATIENCE)
    if errors:
        raise errors[0]
    assert not stuck, stuck
    assert not any(thread.is_alive() for thread in threads), threads
    return results
