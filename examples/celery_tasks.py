"""Celery tasks in greenlets: hundreds of tasks wait for the network concurrently in one process.

    pip install "greenrt[celery]" redis
    cd examples
    export CELERY_CUSTOM_WORKER_POOL=greenrt.adapters.celery:TaskPool
    celery -A celery_tasks worker -P custom -c 200            # more processes: start it again with another -n
    python celery_tasks.py https://www.python.org https://peps.python.org

The tasks are ordinary ones that suit any pool. The broker is redis://localhost unless BROKER names another one.
"""

import os
import sys
import urllib.request

import celery

BROKER = os.environ.get("BROKER", "redis://localhost")
TIMEOUT = 30.0  # seconds

app = celery.Celery("celery_tasks", broker=BROKER, backend=BROKER)
app.conf.update(
    worker_prefetch_multiplier=1,  # leave tasks for the other workers
    task_time_limit=60,  # seconds
    broker_connection_retry_on_startup=True,
)


@app.task(autoretry_for=(OSError,), max_retries=2, default_retry_delay=1)  # type: ignore[untyped-decorator]
def size_of(url: str) -> int:
    """Return the size of a page in bytes."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        return len(response.read())


@app.task  # type: ignore[untyped-decorator]
def total(sizes: list[int]) -> str:
    """Return the number of pages and the sum of their sizes."""
    return f"{len(sizes)} pages, {sum(sizes)} bytes"


def main() -> None:
    """Let the workers fetch the pages, and print the sum."""
    print(celery.chord(size_of.s(url) for url in sys.argv[1:])(total.s()).get(timeout=300))


if __name__ == "__main__":
    main()
