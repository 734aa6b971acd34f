"""The chat server, with members that are ordinary sockets."""

import select
from collections.abc import Iterator

import pytest
from example_child import Child, connect, example, reset, wait_until_refused


class Member:
    """A connected member whose own arrival the server has confirmed."""

    def __init__(self, port: int, name: str) -> None:
        self.sock = connect(port)
        self.lines = self.sock.makefile("r", encoding="utf-8", newline="\n")
        self.say(name)
        assert self.hear() == f"* {name} has come"

    def say(self, text: str) -> None:
        self.sock.sendall(text.encode() + b"\n")

    def hear(self) -> str:
        return self.lines.readline().removesuffix("\n")

    def leave(self) -> None:
        self.lines.close()
        self.sock.close()


@pytest.fixture
def server() -> Iterator[Child]:
    with example("chat_server.py") as child:
        yield child


@pytest.fixture
def members(server: Child) -> Iterator[list[Member]]:
    """Alice, Bob and Carol, in the order of their arrival; each has received the arrivals of the later ones."""
    port = server.port()
    present: list[Member] = []
    try:
        for name in ("alice", "bob", "carol"):
            newcomer = Member(port, name)
            assert [other.hear() for other in present] == [f"* {name} has come"] * len(present)
            present.append(newcomer)
        yield present
    finally:
        for member in present:
            member.leave()


def test_everybody_else_hears_what_one_says(members: list[Member]) -> None:
    alice, bob, carol = members
    alice.say("hello, grüß Gott")
    assert bob.hear() == carol.hear() == "alice: hello, grüß Gott"
    bob.say("hi")
    assert carol.hear() == "bob: hi"
    # Alice's own lines are not sent to her: the first line that she receives is Bob's.
    assert alice.hear() == "bob: hi"


def test_everybody_hears_who_leaves(members: list[Member]) -> None:
    alice, bob, carol = members
    bob.leave()
    assert alice.hear() == carol.hear() == "* bob has gone"


def test_a_burst_of_lines_arrives_whole(members: list[Member]) -> None:
    alice, bob, _ = members
    count = 5000
    alice.sock.sendall(b"".join(b"%d\n" % number for number in range(count)))
    assert [bob.hear() for _ in range(count)] == [f"alice: {number}" for number in range(count)]


def test_a_member_who_does_not_read_is_dropped(server: Child) -> None:
    port = server.port()
    alice = Member(port, "alice")
    deaf = Member(port, "deaf")
    assert alice.hear() == "* deaf has come"
    line = "x" * 4000
    # The others receive nothing while the kernel buffers the lines for the member that does not read; then the server
    # drops it.
    for _ in range(20_000):
        if select.select([alice.sock], [], [], 0)[0]:
            break
        alice.say(line)
    assert alice.hear() == "* deaf has gone"
    alice.leave()
    deaf.leave()


def test_without_a_name_nobody_comes_in(server: Child) -> None:
    with connect(server.port()) as nameless:
        nameless.sendall(b"  \n")
        assert nameless.recv(100) == b""


def test_ctrl_c_ends_it_and_every_connection(server: Child, members: list[Member]) -> None:
    server.press_ctrl_c()
    server.check_clean_end()
    for member in members:
        # Before the end of the stream there may be lines about members that were dropped earlier.
        assert all(line.endswith(" has gone\n") for line in member.lines)
    wait_until_refused(server.port())


def test_leaving_in_a_hurry_leaves_no_traceback(server: Child, members: list[Member]) -> None:
    for member in members:
        member.lines.close()
        reset(member.sock)
    server.press_ctrl_c()
    server.check_clean_end()
