"""A well-behaved client of a WSGI server, in a process of its own, where nothing else delays it.

``python -m support.good_client PORT TLS`` sends requests until its input ends, then prints the time to each response.
"""

import json
import select
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from support.child import environment
from support.wsgi import request

__all__ = ["ask", "good_client"]

GET = request()
# The pause between two requests, in seconds.
PAUSE = 0.01


def ask(port: int, tls: bool) -> float:
    """Send requests like a good client; return the seconds to the end of each response."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 60) as plain:
        sock = plain
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            sock = context.wrap_socket(plain)
        sock.sendall(GET)
        answer = b""
        while not answer.endswith(b"hello"):
            data = sock.recv(4096)
            assert data, answer
            answer += data
        if tls:
            sock.close()
    return time.monotonic() - began


@contextmanager
def good_client(port: int, tls: bool) -> Iterator[list[float]]:
    """Send requests all the time; yield a list that contains the seconds of each response at the end."""
    taken: list[float] = []
    command = [sys.executable, "-m", "support.good_client", str(port), str(tls)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(), stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        yield taken
        answers, _ = process.communicate()
        assert process.returncode == 0
        taken += json.loads(answers)


def main() -> None:
    port, tls = int(sys.argv[1]), sys.argv[2] == "True"
    taken = [ask(port, tls)]
    print("asking", flush=True)
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        taken.append(ask(port, tls))
    print(json.dumps(sorted(taken)))


if __name__ == "__main__":
    main()
