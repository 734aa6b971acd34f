"""Green sockets suspend, name the greenlet in conflict, wake up waiters on close, and leak nothing."""

import os
import random
import resource
import socket as stdlib_socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from support.parking import until_parked
from support.sides import Green

import greenrt
from greenrt._hub.park import parked
from greenrt._hub.parked_greenlets import render_parked
from greenrt.errors import ConcurrentObjectUseError
from greenrt.green import socket

pair = Green().pair


def test_others_run_while_one_waits() -> None:
    client, server = pair()
    order: list[str] = []

    def read() -> None:
        order.append(server.recv(10).decode())

    with client, server:
        reader = greenrt.spawn(read)
        greenrt.sleep(0)
        order.append("ran")
        client.sendall(b"data")
        reader.join()
    assert order == ["ran", "data"]


@pytest.mark.parametrize("call", ["recv", "recv_into", "recvfrom", "recvmsg", "accept", "makefile"])
@pytest.mark.usefixtures("quiet")
def test_close_wakes_the_reader_with_ebadf(call: str) -> None:
    client, server = pair()
    if call == "accept":
        client.close()
        client = socket.create_server(("127.0.0.1", 0))

    def wait() -> Any:
        if call == "makefile":
            return socket.SocketIO(client, "r").readinto(bytearray(5))
        return getattr(client, call)(*{"recv_into": (bytearray(5),), "accept": ()}.get(call, (5,)))

    waiting = greenrt.spawn(wait)
    # Not 0: a call may yield before it waits.
    greenrt.sleep(0.05)
    client.close()
    waiting.join()
    server.close()
    assert isinstance(waiting.exception, OSError)
    assert waiting.exception.errno == 9
    assert "closed" in str(waiting.exception)


@pytest.mark.usefixtures("quiet")
def test_close_wakes_the_writer_with_ebadf() -> None:
    client, server = pair()
    with server:
        waiting = greenrt.spawn(client.sendall, bytes(50_000_000))
        greenrt.sleep(0)
        client.close()
        waiting.join()
    assert isinstance(waiting.exception, OSError)
    assert waiting.exception.errno == 9


def test_the_error_of_a_second_reader_names_the_first() -> None:
    client, server = pair()
    with client, server:
        first = greenrt.spawn(client.recv, 1)
        greenrt.sleep(0)
        with pytest.raises(ConcurrentObjectUseError) as caught:
            client.recv(1)
        assert repr(first) in str(caught.value)
        assert "share a lock" in str(caught.value)
        server.sendall(b"x")
        assert first.get() == b"x"


def test_one_reads_while_another_writes() -> None:
    client, server = pair()
    with client, server:
        reader = greenrt.spawn(client.recv, 5)
        writer = greenrt.spawn(client.sendall, bytes(10_000_000))
        greenrt.sleep(0)
        server.sendall(b"reply")
        assert reader.get() == b"reply"
        left = 10_000_000
        while left:
            left -= len(server.recv(1 << 20))
        writer.get()


def test_kill_and_timeout_leave_the_socket_usable() -> None:
    client, server = pair()
    with client, server:
        killed = greenrt.spawn(client.recv, 1)
        until_parked(killed)
        killed.kill()
        with greenrt.Timeout(0.02, False):
            client.recv(1)
        server.sendall(b"later")
        assert client.recv(5) == b"later"


def test_timeouts_at_any_moment_lose_no_data() -> None:
    chance = random.Random(7)
    size = 300_000

    def write(sock: Any, data: bytes) -> None:
        sent = 0
        while sent < size:
            with greenrt.Timeout(chance.random() * 0.002, False):
                # The socket has a timeout, so the number of sent bytes is always known.
                sent += sock.send(data[sent : sent + chance.randrange(1, 200_000)])
            if chance.random() < 0.2:
                greenrt.sleep(chance.random() * 0.002)

    def read(sock: Any) -> bytes:
        got = bytearray()
        while len(got) < size:
            with greenrt.Timeout(chance.random() * 0.002, False):
                got += sock.recv(chance.randrange(1, 100_000))
            if chance.random() < 0.2:
                greenrt.sleep(chance.random() * 0.002)
        return bytes(got)

    pairs = [pair() for _ in range(10)] + [socket.socketpair() for _ in range(10)]
    payloads = [chance.randbytes(size) for _ in pairs]
    for a, b in pairs:
        a.settimeout(10)
        a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
        b.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)
    writers = [greenrt.spawn(write, a, data) for (a, _), data in zip(pairs, payloads, strict=True)]
    readers = [greenrt.spawn(read, b) for _, b in pairs]
    greenrt.joinall(writers, raise_error=True)
    assert [reader.get() for reader in readers] == payloads
    for a, b in pairs:
        a.close()
        b.close()


def test_a_file_shared_with_a_child_delivers_nothing_after_its_close() -> None:
    client, server = pair()
    reader = greenrt.spawn(client.recv, 3)
    greenrt.sleep(0)
    server.sendall(b"one")
    assert reader.get() == b"one"
    number = client.fileno()
    keeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[number])
    try:
        client.close()
        again, other = pair()
        assert number in (again.fileno(), other.fileno())
        mine, peer = (again, other) if again.fileno() == number else (other, again)
        with again, other:
            waiting = greenrt.spawn(mine.recv, 3)
            greenrt.sleep(0)
            # The old file still exists in the child, and is readable.
            server.sendall(b"two")
            greenrt.sleep(0.05)
            assert not waiting.ready()
            peer.sendall(b"own")
            assert waiting.get() == b"own"
    finally:
        keeper.communicate(b"\n")
        server.close()


def test_a_killed_reader_does_not_block_another() -> None:
    client, server = pair()
    with client, server:
        killed = greenrt.spawn(client.recv, 1)
        until_parked(killed)
        # As after a kill or a Timeout, which the greenlet notices when it next runs.
        park = greenrt.get_hub().loop.fds.entry(client.fileno()).reader
        assert park.fail(greenrt.GreenletExit())
        greenrt.spawn_later(0.02, server.sendall, b"mine")
        assert client.recv(4) == b"mine"
        assert killed.ready()


def test_an_error_thrown_while_sending_is_not_swallowed() -> None:
    class Stop(TimeoutError):
        pass

    client, server = pair()
    with client, server, pytest.raises(Stop):
        with greenrt.Timeout(0.05, Stop):
            client.send(bytes(50_000_000))
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    filling = [socket.socket() for _ in range(5)]
    for sock in filling[:4]:
        sock.setblocking(False)
        sock.connect_ex(listener.getsockname())
    with pytest.raises(Stop):
        with greenrt.Timeout(0.05, Stop):
            filling[4].connect_ex(listener.getsockname())
    for sock in [*filling, listener]:
        sock.close()


@pytest.mark.parametrize("operation", ["recv", "sendto", "accept"])
def test_one_that_never_has_to_wait_lets_others_run(operation: str) -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            greenrt.sleep(0.001)

    def busy(client: Any, server: Any, listener: Any, datagrams: Any) -> None:
        give_up = time.monotonic() + 20
        while turns <= 10 and time.monotonic() < give_up:
            if operation == "recv":
                # Neither direction waits: there is always room, and always data.
                client.send(b"x")
                assert server.recv(100)
            elif operation == "sendto":
                datagrams.sendto(b"x", datagrams.getsockname())
            else:
                with socket.socket() as sock:
                    sock.setblocking(False)
                    sock.connect_ex(listener.getsockname())
                    listener.accept()[0].close()

    client, server = pair()
    with client, server, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            counting = greenrt.spawn(count)
            busy(client, server, listener, datagrams)
            counting.kill()
    # About one turn in 10 ms is promised, if the machine does nothing else.
    assert turns > 10


def test_a_second_object_on_the_same_file() -> None:
    client, server = pair()
    with client, server:
        reader = greenrt.spawn(client.recv, 3)
        greenrt.sleep(0)
        second = socket.socket(fileno=client.fileno())
        server.sendall(b"one")
        assert reader.get() == b"one"
        stdlib_socket.socket.detach(second)
        server.sendall(b"two")
        assert client.recv(3) == b"two"


@pytest.mark.usefixtures("quiet")
def test_closed_by_another_thread() -> None:
    client, server = pair()
    with server:
        waiting = greenrt.spawn(client.recv, 1)
        greenrt.sleep(0)
        thread = threading.Thread(target=client.close)
        thread.start()
        waiting.join(5)
        thread.join()
    assert isinstance(waiting.exception, OSError)
    assert waiting.exception.errno == 9


def test_a_number_that_another_thread_used_meanwhile() -> None:
    # This thread's loop knows the fd. Another thread closes it, and creates a new socket with the same number.
    client, server = pair()
    reader = greenrt.spawn(client.recv, 9)
    greenrt.sleep(0)
    server.sendall(b"known")
    assert reader.get() == b"known"
    made: list[Any] = []

    def renew() -> None:
        number = client.fileno()
        with stdlib_socket.create_server(("127.0.0.1", 0)) as listener:
            other = socket.create_connection(listener.getsockname())
            client.close()
            accepted, _ = listener.accept()
        made.extend([number, other, socket.socket(fileno=accepted.detach())])

    thread = threading.Thread(target=renew)
    thread.start()
    while thread.is_alive():
        greenrt.sleep(0.001)
    number, other, again = made
    assert again.fileno() == number
    with server, other, again:
        waiting = greenrt.spawn(again.recv, 9)
        greenrt.sleep(0)
        other.sendall(b"new")
        waiting.join(5)
        assert waiting.value == b"new"


def test_fd_numbers_that_are_used_again() -> None:
    # A new socket gets the number of a closed one, with and without a close that greenrt sees.
    for closing in (lambda sock: sock.close(), lambda sock: os.close(sock.detach())):
        for _ in range(20):
            client, server = pair()
            numbers = {client.fileno(), server.fileno()}
            reader = greenrt.spawn(client.recv, 3)
            greenrt.sleep(0)
            server.sendall(b"abc")
            assert reader.get() == b"abc"
            closing(client)
            closing(server)
        assert len(numbers) == 2


@pytest.mark.usefixtures("quiet")
def test_a_number_that_is_used_again_before_the_waiters_of_the_old_socket_run() -> None:
    client, server = pair()
    number = client.fileno()
    # The kernel's buffers are full, so both wait.
    writer = greenrt.spawn(client.sendall, bytes(50_000_000))
    reader = greenrt.spawn(client.recv, 5)
    greenrt.sleep(0.05)
    again, other = pair()

    with again, other, server:
        client.close()
        # No greenlet has run since, so both have yet to be woken up. There is data, and room for more, at once.
        os.dup2(again.fileno(), number)
        other.sendall(b"new")
        with socket.socket(fileno=number) as reused:
            late = greenrt.spawn(reused.recv, 5)
            greenrt.joinall([writer, reader, late])
            assert [getattr(waiter.exception, "errno", None) for waiter in (writer, reader)] == [9, 9]
            assert late.value == b"new"
            reused.sendall(b"answer")
            assert other.recv(100) == b"answer"


def test_closed_behind_our_back() -> None:
    client, server = pair()
    reader = greenrt.spawn(client.recv, 3)
    greenrt.sleep(0)
    reader.kill()
    # Not through the socket: the loop does not notice.
    os.close(client.fileno())
    again, other = pair()
    with again, other, server:
        waiting = greenrt.spawn(again.recv, 3)
        greenrt.sleep(0)
        other.sendall(b"new")
        assert waiting.get() == b"new"
    stdlib_socket.socket.detach(client)


def test_duplicate_fd_and_close_of_one() -> None:
    client, server = pair()
    copy = client.dup()
    with server, copy:
        first = greenrt.spawn(client.recv, 3)
        greenrt.sleep(0)
        server.sendall(b"one")
        assert first.get() == b"one"
        client.close()
        # The file is still open, but its registration under the old number must not exist any more.
        other_client, other_server = pair()
        with other_client, other_server:
            waiting = greenrt.spawn(other_client.recv, 3)
            greenrt.sleep(0)
            server.sendall(b"two")
            assert copy.recv(3) == b"two"
            assert not waiting.ready()
            other_server.sendall(b"own")
            assert waiting.get() == b"own"


def test_thread_without_a_hub_blocks_as_ever() -> None:
    client, server = pair()
    seen: list[Any] = []

    def work() -> None:
        seen.append(client.recv(10))
        client.settimeout(0.02)
        try:
            client.recv(10)
        except TimeoutError as error:
            seen.append(str(error))
        client.settimeout(None)
        client.sendall(bytes(3_000_000))
        client.shutdown(socket.SHUT_WR)

    with client, server:
        thread = threading.Thread(target=work)
        thread.start()
        greenrt.sleep(0.05)
        server.sendall(b"native")
        total = 0
        while data := server.recv(1 << 20):
            total += len(data)
        thread.join()
    assert seen == [b"native", "timed out"]
    assert total == 3_000_000


def test_hubs_of_several_threads_serve_each_other() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    answers: list[bytes] = []

    def clients() -> None:
        def one(number: int) -> None:
            with socket.create_connection(address) as sock:
                sock.sendall(b"%d" % number)
                answers.append(sock.recv(100))

        greenrt.joinall([greenrt.spawn(one, number) for number in range(20)], raise_error=True)
        greenrt.get_hub().destroy()

    def serve() -> None:
        for _ in range(60):
            connection, _ = listener.accept()
            greenrt.spawn(answer, connection)

    def answer(connection: Any) -> None:
        with connection:
            connection.sendall(connection.recv(100) * 2)

    threads = [threading.Thread(target=clients) for _ in range(3)]
    server = greenrt.spawn(serve)
    for thread in threads:
        thread.start()
    server.get()
    while any(thread.is_alive() for thread in threads):
        greenrt.sleep(0.01)
    listener.close()
    assert sorted(answers) == sorted(b"%d%d" % (n, n) for n in range(20) for _ in range(3))


def test_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 4500) if hard != resource.RLIM_INFINITY else 4500
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    count = (max(soft, wanted) - 200) // 2
    try:
        count = min(count, 2000)
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)

        def answer(connection: Any) -> None:
            with connection:
                while data := connection.recv(100):
                    connection.sendall(data)

        def serve() -> None:
            for _ in range(count):
                greenrt.spawn(answer, listener.accept()[0])

        def ask(number: int) -> None:
            with socket.create_connection(listener.getsockname()) as sock:
                for turn in range(3):
                    message = b"%d-%d" % (number, turn)
                    sock.sendall(message)
                    assert sock.recv(100) == message

        server = greenrt.spawn(serve)
        greenrt.joinall([greenrt.spawn(ask, number) for number in range(count)], raise_error=True)
        server.get()
        listener.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_emfile_is_an_error_of_the_call_and_no_more() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.socket()
    client.connect(listener.getsockname())
    used = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, hard))
    filling = []
    try:
        while True:
            filling.append(os.dup(0))
    except OSError:
        pass
    try:
        with pytest.raises(OSError, match="Too many open files"):
            listener.accept()
        with pytest.raises(OSError, match="Too many open files"):
            socket.socket()
    finally:
        for fd in filling:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    server, _ = listener.accept()
    for sock in (server, client, listener):
        sock.close()


def test_a_socket_read_empty_is_not_asked_again() -> None:
    client, server = pair()
    with client, server:
        fds = greenrt.get_hub().loop.fds
        reader = greenrt.spawn(lambda: [client.recv(100), client.recv(100), client.recv(100)])
        greenrt.sleep(0)
        server.sendall(b"one")
        greenrt.sleep(0.02)
        with greenrt.Timeout(20):
            while greenrt.__build__ == "compiled" and not fds.is_drained(client.fileno()):
                greenrt.sleep(0.001)
        server.sendall(b"two")
        greenrt.sleep(0.02)
        # The end of the stream is reported once, and the read before it is short too.
        server.sendall(b"three")
        server.close()
        assert reader.get() == [b"one", b"two", b"three"]
        assert client.recv(100) == b""
        assert client.recv(100) == b""


def test_blocking_in_the_hub_is_refused() -> None:
    client, server = pair()
    seen: list[BaseException] = []

    def callback() -> None:
        try:
            client.recv(1)
        except greenrt.errors.BlockingInHub as error:
            seen.append(error)

    with client, server:
        greenrt.get_hub().loop.run_callback(callback)
        greenrt.sleep(0.01)
    assert "spawn a greenlet" in str(seen[0])


def test_blocked_report_names_the_socket() -> None:
    client, server = pair()
    with client, server:
        waiting = greenrt.spawn(client.recv, 1)
        # On a busy machine the call yields before it waits.
        while not parked(waiting):
            greenrt.sleep(0)
        lines = render_parked(greenrt.get_hub())
        assert any(f"fd={client.fileno()}" in line and "readable" in line for line in lines)
        waiting.kill()


def test_the_module_has_all_names_of_the_standard_one() -> None:
    missing = [name for name in stdlib_socket.__all__ if not hasattr(socket, name)]
    assert missing == []
    assert issubclass(socket.socket, stdlib_socket.socket)
    assert socket.socket.__slots__ == ()


@pytest.mark.parametrize("mode", ["wb", "rwb"])
def test_several_greenlets_write_to_one_file_of_a_socket(mode: str) -> None:
    client, server = pair()
    with client, server, client.makefile(mode, 100) as stream:

        def write(letter: bytes) -> None:
            for _ in range(100):
                stream.write(letter * 5000)

        writers = [greenrt.spawn(write, letter) for letter in (b"a", b"b", b"c")]
        received = greenrt.spawn(server.recv, 1_500_000, socket.MSG_WAITALL)
        greenrt.joinall(writers, raise_error=True)
        stream.flush()
        data = received.get()
    parts = {data[at : at + 5000] for at in range(0, len(data), 5000)}
    assert len(data) == 1_500_000
    assert parts == {b"a" * 5000, b"b" * 5000, b"c" * 5000}


@pytest.mark.parametrize("mode", ["rb", "rwb"])
def test_several_greenlets_read_lines_of_one_file_of_a_socket(mode: str) -> None:
    client, server = pair()
    with client, server, client.makefile(mode) as stream:
        readers = [greenrt.spawn(stream.readline) for _ in range(3)]
        until_parked(*readers)
        server.sendall(b"one\n")
        server.sendall(b"two\nthree\n")
        assert sorted(reader.get() for reader in readers) == [b"one\n", b"three\n", b"two\n"]


def test_a_file_of_a_socket_is_read_while_another_greenlet_writes_to_it() -> None:
    client, server = pair()
    with client, server, client.makefile("rwb") as stream:
        reader = greenrt.spawn(stream.readline)
        until_parked(reader)
        stream.write(b"out")
        stream.flush()
        assert server.recv(3) == b"out"
        server.sendall(b"in\n")
        assert reader.get() == b"in\n"


@pytest.mark.parametrize("mode", ["rb", "wb"])
def test_a_file_of_a_socket_is_shown_as_one_of_io(mode: str) -> None:
    client, server = pair()
    with (
        client,
        server,
        client.makefile(mode) as stream,
        stdlib_socket.socket.makefile(server, mode) as other,
    ):
        assert repr(stream) == repr(other).replace(str(server.fileno()), str(client.fileno()))
