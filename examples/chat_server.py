"""A chat server: each member has a queue of unsent lines, so that a slow reader delays no one else.

    python examples/chat_server.py --port 7000
    nc 127.0.0.1 7000        # the first line is your name

For each member, one greenlet reads and another one writes. There are no locks, because no other greenlet runs between
two waits of a greenlet.
"""

import argparse
import signal
from queue import Full
from typing import TextIO

import greenrt
from greenrt.green import socket
from greenrt.serve import StreamServer

UNSENT_LINES = 1000  # a member that is further behind is dropped
LONGEST_LINE = 4096  # bytes
GRACE = 1.0  # seconds for the members after Ctrl-C

Address = tuple[str, int]


class Member:
    """One connected member and the lines that are still to be sent."""

    def __init__(self, name: str, connection: socket.socket) -> None:
        self.name = name
        self.connection = connection
        self.unsent: greenrt.Queue[str] = greenrt.Queue(UNSENT_LINES)

    def write(self) -> None:
        """Send lines from the queue until the connection breaks or the greenlet is killed."""
        try:
            while True:
                self.connection.sendall(self.unsent.get().encode() + b"\n")
        except OSError:
            self.hang_up()

    def hang_up(self) -> None:
        """End the connection; the reader sees the end of the stream."""
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the connection has ended already


class Room:
    """The members in the chat."""

    def __init__(self) -> None:
        self.members: set[Member] = set()

    def send_to_all(self, line: str, but: Member | None = None) -> None:
        """Queue a line for all members except `but`."""
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
        except OSError as error:  # the connection broke
            print(f"{address[0]}:{address[1]}: {error}", flush=True)

    def talk(self, member: Member, lines: TextIO) -> None:
        """Send the lines of a member to all others until the member leaves."""
        writer = greenrt.spawn(member.write)
        self.members.add(member)
        self.send_to_all(f"* {member.name} has come")  # the new member gets this line too
        try:
            while line := lines.readline(LONGEST_LINE):
                self.send_to_all(f"{member.name}: {line.rstrip()}", but=member)
                # One packet can contain thousands of lines, and reading the next of them does not wait. Let the
                # writers run, or the other members would fall behind by too many lines.
                greenrt.sleep(0)
        finally:
            self.members.discard(member)
            self.send_to_all(f"* {member.name} has gone")
            writer.kill()

    def close(self) -> None:
        """End all connections."""
        for member in self.members:
            member.hang_up()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Send each member the lines of the others.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    options = parser.parse_args()

    room = Room()
    server = StreamServer((options.host, options.port), room.visit, spawn=1000)
    # The default handler would raise KeyboardInterrupt in whichever greenlet is running.
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
