"""What must work in an environment with nothing but greenrt: `make wheels` and the publishing workflow run it.

Arguments: the build that is expected ("compiled" or "pure"; compiled unless given).
"""

import sys
from collections.abc import Callable
from typing import Any

from greenrt import monkey

monkey.patch_all()

import queue  # noqa: E402
import socket  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
import urllib.request  # noqa: E402

import greenrt  # noqa: E402
from greenrt.serve import WSGIServer  # noqa: E402


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    time.sleep(0.05)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]


def fetch(url: str, answers: queue.Queue) -> None:
    with urllib.request.urlopen(url, timeout=30) as answer:
        answers.put(answer.read())


def main() -> None:
    expected = sys.argv[1] if len(sys.argv) > 1 else "compiled"
    assert greenrt.__build__ == expected, f"greenrt is a {greenrt.__build__} build, not {expected}"
    assert socket.getaddrinfo("localhost", 80)
    answers: queue.Queue = queue.Queue()
    with WSGIServer(("127.0.0.1", 0), application, log=None) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        threads = [threading.Thread(target=fetch, args=(f"{url}/{i}", answers)) for i in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {answers.get(timeout=5) for _ in threads} == {b"/%d" % i for i in range(20)}
    print(f"greenrt {greenrt.__version__} ({greenrt.__build__}) works on Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
