"""UDP: an echo server, and a client that asks again when a datagram is lost.

The client sends all its words at once:

    python examples/udp_echo.py server --port 7000
    python examples/udp_echo.py client --port 7000 one two three
"""

import argparse
import sys

import greenrt
from greenrt.green import socket

LARGEST = 65535  # bytes in a datagram
TRIES = 5

Address = tuple[str, int]


def serve(host: str, port: int) -> None:
    """Send each datagram back, until Ctrl-C."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))
        try:
            print(f"listening on {host}:{sock.getsockname()[1]}", flush=True)
            while True:
                data, sender = sock.recvfrom(LARGEST)
                sock.sendto(data, sender)
        except KeyboardInterrupt:
            print("stopping", flush=True)


def ask(address: Address, message: str, patience: float) -> str | None:
    """Send a message and return the answer, or None if no try was answered within `patience` seconds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # A connected socket receives answers from this address only, and reports a port that is not open.
        sock.connect(address)
        sock.settimeout(patience)
        for _ in range(TRIES):
            try:
                sock.send(message.encode())
                return sock.recv(LARGEST).decode()
            except TimeoutError:
                print(f"{message}: no answer yet", file=sys.stderr, flush=True)
            except ConnectionRefusedError:
                print(f"{message}: the port is not open yet", file=sys.stderr, flush=True)
                greenrt.sleep(patience)  # a refusal arrives at once
    return None


def ask_all(address: Address, messages: list[str], patience: float) -> int:
    """Send all messages at once, a greenlet for each; print the answers in order."""
    questions = [greenrt.spawn(ask, address, message, patience) for message in messages]
    greenrt.joinall(questions, raise_error=True)
    answers = [question.value for question in questions]
    for message, answer in zip(messages, answers, strict=True):
        print(f"{message}: {'no answer' if answer is None else answer}")
    return 1 if None in answers else 0


def main() -> int:
    """Serve or ask; return 1 if a message had no answer, else 0."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--host", default="127.0.0.1")
    parser = argparse.ArgumentParser(description="Echo datagrams.")
    roles = parser.add_subparsers(dest="role", required=True)
    server = roles.add_parser("server", parents=[common])
    server.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    client = roles.add_parser("client", parents=[common])
    client.add_argument("--port", type=int, required=True)
    client.add_argument("--patience", type=float, default=1.0, help="seconds before asking again")
    client.add_argument("message", nargs="+")
    options = parser.parse_args()

    if options.role == "server":
        serve(options.host, options.port)
        return 0
    return ask_all((options.host, options.port), options.message, options.patience)


if __name__ == "__main__":
    sys.exit(main())
