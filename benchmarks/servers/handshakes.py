"""A load generator for TLS: ``python -m benchmarks.servers.handshakes PORT CLIENTS WARMUP SECONDS CORE``.

Each client, a native thread, connects, makes the handshake, sends 16 bytes, receives them back and closes. The
program prints the same as ``churn.c``. It needs more processor time for a handshake than most servers, so compare the
servers' processor time.
"""

import json
import os
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress

MESSAGE = b"sixteen bytes..."


def main() -> None:
    port, clients = int(sys.argv[1]), int(sys.argv[2])
    warmup, seconds = float(sys.argv[3]), float(sys.argv[4])
    core = int(sys.argv[5])
    if core >= 0:
        os.sched_setaffinity(0, {core})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    done = [0] * clients
    start = time.monotonic() + warmup
    end = start + seconds

    def shake(number: int) -> None:
        while time.monotonic() < end:
            with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as sock:
                sock.sendall(MESSAGE)
                if sock.recv(100) != MESSAGE:
                    os._exit(1)
                with suppress(OSError):
                    sock.unwrap()
            done[number] += start <= time.monotonic() < end

    threads = [threading.Thread(target=shake, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"exchanges": sum(done), "seconds": seconds}))


if __name__ == "__main__":
    main()
