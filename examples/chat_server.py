"""A chat server: each member has a queue of lines to be sent, so that a slow reader holds nobody up.

    python examples/chat_server.py --port 7000
    nc 127.0.0.1 7000        # the first line is your name

One greenlet a member reads, another writes. No locks: between two waits a greenlet runs undisturbed.
"""

import argparse
import signal
from queue import Full
from typing import TextIO

import greenrt
from greenrt.green import socket
from greenrt.serve import StreamServer

UNSENT_LINES = 1000  # a member further behind than this is dropped
LONGEST_LINE = 4096  # bytes
GRACE = 1.0  # seconds that members are given after Ctrl-C

Address = tuple[str, int]


class Member:
    """One connected person and the lines still to be sent to them."""

    def __init__(self, name: str, connection: socket.socket) -> None:
        self.name = name
        self.connection = connection
        self.unsent: greenrt.Queue[str] = greenrt.Queue(UNSENT_LINES)

    def write(self) -> None:
        """Send lines as they come, until the connection breaks or the greenlet is killed."""
        try:
            while True:
                self.connection.sendall(self.unsent.get().encode() + b"\n")
        except OSError:
            self.hang_up()

    def hang_up(self) -> None:
        """End the connection; whoever reads from it sees its end."""
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # no longer connected: what was wanted


class Room:
    """Everybody who is here."""

    def __init__(self) -> None:
        self.members: set[Member] = set()

    def tell(self, line: str, but: Member | None = None) -> None:
        """Queue a line for all members, except one."""
        for member in self.members:
            if member is but:
                continue
            try:
                member.unsent.put_nowait(line)
            except Full:
                member.hang_up()

    def visit(self, connection: socket.socket, address: Address) -> None:
        """Serve one member from the first line to the last."""
        try:
            with connection.makefile("r", encoding="utf-8", errors="replace", newline="\n") as lines:
                name = lines.readline(LONGEST_LINE).strip()
                if name:
                    self.talk(Member(name, connection), lines)
        except OSError as error:  # the connection broke: nothing to be done about it
            print(f"{address[0]}:{address[1]}: {error}", flush=True)

    def talk(self, member: Member, lines: TextIO) -> None:
        """Tell everybody else what a member says, until the member leaves."""
        writer = greenrt.spawn(member.write)
        self.members.add(member)
        self.tell(f"* {member.name} has come")  # the member too: so they know that they are in
        try:
            while line := lines.readline(LONGEST_LINE):
                self.tell(f"{member.name}: {line.rstrip()}", but=member)
                # One packet can bring thousands of lines, and reading the next of them waits for nothing. Let
                # the writers run, or the others would look too far behind.
                greenrt.sleep(0)
        finally:
            self.members.discard(member)
            self.tell(f"* {member.name} has gone")
            writer.kill()

    def close(self) -> None:
        """Hang up on everybody."""
        for member in self.members:
            member.hang_up()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Tell each member what the others say.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    options = parser.parse_args()

    room = Room()
    server = StreamServer((options.host, options.port), room.visit, spawn=1000)
    # A handler of our own: the usual one raises KeyboardInterrupt in whichever greenlet happens to run.
    stop = greenrt.Event()
    signal.signal(signal.SIGINT, lambda number, frame: stop.set())

    server.start()
    print(f"listening on {options.host}:{server.server_port}", flush=True)
    stop.wait()
    print("stopping", flush=True)
    room.close()
    server.stop(GRACE)


if __name__ == "__main__":
    main()
