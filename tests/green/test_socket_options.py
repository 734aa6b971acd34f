"""Socket options that shorten or prolong the kernel's blocking calls affect green calls too."""

import os
import socket
import struct
import tempfile
import threading
import time
from typing import Any

import pytest
from support.child import run_script
from support.sides import Scenarios, Side, attempt

import greenrt
from greenrt.green import _socket_options
from greenrt.green import os as green_os
from greenrt.green import socket as green_socket

scenario = Scenarios()

SHORT = struct.pack("@ll", 0, 30_000)
# The numbers of SO_RCVTIMEO_NEW and SO_SNDTIMEO_NEW.
NEW_RECEIVE_LIMIT, NEW_SEND_LIMIT = 66, 67
# From Linux's tcp.h.
FASTOPEN_CONNECT, FASTOPEN_NO_COOKIE = 30, 34
FULL = 10_000_000


def limit_reads(sock: Any) -> Any:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, SHORT)
    return sock


def limit_writes(sock: Any) -> Any:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, SHORT)
    return sock


@scenario
def reads_with_a_limit(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        limit_reads(client)
        found = [
            attempt(client.recv, 5),
            attempt(client.recv_into, bytearray(5)),
            attempt(client.recvfrom, 5),
            attempt(client.recvfrom_into, bytearray(5)),
            attempt(client.recvmsg, 5),
            attempt(client.recvmsg_into, [bytearray(5)]),
            attempt(client.recv, 5, socket.MSG_WAITALL),
            attempt(client.recv, 5, socket.MSG_WAITALL | socket.MSG_PEEK),
        ]
        server.sendall(b"abc")
        # Data that arrived in time is not lost.
        found += [
            client.recv(5, socket.MSG_WAITALL | socket.MSG_PEEK),
            client.recv(5, socket.MSG_WAITALL),
            attempt(client.recv, 5),
        ]
        with client.makefile("rb") as file:
            found.append(attempt(file.readline))
        return found


@scenario
def the_new_format(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        client.setsockopt(socket.SOL_SOCKET, NEW_RECEIVE_LIMIT, struct.pack("=qq", 0, 30_000))
        client.setsockopt(socket.SOL_SOCKET, NEW_SEND_LIMIT, struct.pack("=qq", 0, 30_000))
        return [attempt(client.recv, 5), attempt(client.sendall, bytes(FULL))]


@scenario
def datagrams_with_a_limit(side: Side) -> Any:
    with side.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        limit_reads(sock)
        return [attempt(sock.recvfrom, 5), attempt(sock.recv, 5)]


@scenario
def accepted_sockets_inherit_a_limit(side: Side) -> Any:
    with side.socket.create_server(("127.0.0.1", 0)) as listener:
        found = [attempt(limit_reads(listener).accept)]
        with side.socket.create_connection(listener.getsockname()):
            connection, _ = listener.accept()
            with connection:
                return [*found, attempt(connection.recv, 1)]


@scenario
def a_copy_has_the_limit_of_its_original(side: Side) -> Any:
    client, server = side.pair()
    with server, client:
        limit_reads(client)
        with client.dup() as copy, side.socket.socket(fileno=os.dup(client.fileno())) as other:
            return [attempt(copy.recv, 1), attempt(other.recv, 1)]


@scenario
def a_limit_that_is_taken_back(side: Side) -> Any:
    client, server = side.pair()
    with server, client:
        limit_reads(client).setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, bytes(16))
        task = side.spawn(client.recv, 5)
        side.until_waiting(task)
        side.sleep(0.1)
        server.sendall(b"late")
        return task.result()


@scenario
def a_timeout_prevails_over_a_limit(side: Side) -> Any:
    client, server = side.pair()
    with server, client:
        limit_reads(client).settimeout(20)
        task = side.spawn(client.recv, 5)
        side.until_waiting(task)
        # Longer than the limit.
        side.sleep(0.1)
        server.sendall(b"late")
        found = task.result()
        client.settimeout(0.1)
        return [found, attempt(client.recv, 5)]


def until_refused(send: Any, *args: Any) -> Any:
    """Return the error of a send without room. The kernel may free a little room after a while."""
    while isinstance(found := attempt(send, *args), int):
        pass
    return found


@scenario
def writes_with_a_limit(side: Side) -> Any:
    found = []
    for kind in ("tcp", "unix"):
        client, server = side.pair() if kind == "tcp" else side.socket.socketpair()
        with server, client:
            limit_writes(client)
            # A part is sent, then nothing more.
            found += [
                0 < client.send(bytes(FULL)) < FULL,
                until_refused(client.send, bytes(FULL)),
                until_refused(client.sendall, bytes(FULL)),
                until_refused(client.sendmsg, [bytes(FULL)]),
                until_refused(client.sendto, bytes(FULL), server.getsockname()) if kind == "tcp" else None,
            ]
    return found


@scenario
def sendall_goes_on_while_something_is_sent(side: Side) -> Any:
    client, server = side.pair()

    limit = 1

    def read() -> int:
        # The whole takes longer than the limit, but no step of it does, also on a busy machine.
        begin, total = time.monotonic(), 0
        while data := server.recv(FULL // 16):
            total += len(data)
            if time.monotonic() < begin + 1.5 * limit:
                side.sleep(0.05 * limit)
        return total

    with server, client:
        task = side.spawn(read)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", limit, 0))
        client.sendall(bytes(FULL * 4))
        client.shutdown(socket.SHUT_WR)
        return task.result()


@scenario
def unix_datagrams_to_a_full_peer(side: Side) -> Any:
    near, far = side.socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        near.setblocking(False)
        while attempt(near.send, b"x") == 1:
            pass
        near.setblocking(True)
        return attempt(limit_writes(near).send, b"x")


@scenario
def connections_with_a_limit(side: Side) -> Any:
    with tempfile.TemporaryDirectory() as folder, side.socket.socket(socket.AF_UNIX) as listener:
        listener.bind(folder + "/full")
        listener.listen(0)
        with side.socket.socket(socket.AF_UNIX) as first, side.socket.socket(socket.AF_UNIX) as second:
            first.connect(folder + "/full")
            limit_writes(second)
            return [attempt(second.connect, folder + "/full"), second.connect_ex(folder + "/full")]


@scenario
def tcp_connections_with_a_limit(side: Side) -> Any:
    with side.socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [side.socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        side.sleep(0.05)
        found = []
        for method in ("connect", "connect_ex"):
            with side.socket.socket() as sock:
                found.append(attempt(getattr(limit_writes(sock), method), listener.getsockname()))
        for filler in fillers:
            filler.close()
        return found


@scenario
def a_low_mark_with_a_timeout(side: Side) -> Any:
    # CPython then waits in poll(2), which observes the mark for TCP only.
    found = []
    for pair in (side.pair, side.socket.socketpair):
        client, server = pair()
        with client, server:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 4)
            client.settimeout(0.03)
            server.sendall(b"ab")
            found += [attempt(client.recv, 9), attempt(client.recv, 9, socket.MSG_WAITALL)]
            server.sendall(b"cd")
            found.append(attempt(client.recv, 9))
    return found


@scenario
def reads_of_urgent_data_never_wait(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        return attempt(client.recv, 1, socket.MSG_OOB)


@scenario
def data_that_connects(side: Side) -> Any:
    fast = socket.MSG_FASTOPEN
    with side.socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()

        def serve() -> int:
            connection, _ = listener.accept()
            with connection:
                total = 0
                while data := connection.recv(1 << 20):
                    total += len(data)
                return total

        found = []
        for size in (5, FULL):
            task = side.spawn(serve)
            with side.socket.socket() as sock:
                found.append(sock.sendto(bytes(size), fast, address))
            found.append(task.result())
    with side.socket.socket() as sock:
        return [*found, attempt(sock.sendto, b"x", fast, address)]


@scenario
def a_connection_that_the_first_data_opens(side: Side) -> Any:
    """With TCP_FASTOPEN_CONNECT, connect returns at once, and the first data opens the connection."""
    with side.socket.create_server(("127.0.0.1", 0)) as listener:
        # The queue has room for the data of several clients before they are accepted.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
        listener.settimeout(10)
        address = listener.getsockname()
        found: list[Any] = []
        # With Linux's TCP_FASTOPEN_NO_COOKIE, the first connection to a server behaves as the later ones.
        for cookie, send in [(False, "send"), (False, "sendall"), (True, "send"), (True, "sendmsg")]:
            with side.socket.socket() as sock:
                sock.setsockopt(socket.IPPROTO_TCP, FASTOPEN_CONNECT, 1)
                if not cookie:
                    sock.setsockopt(socket.IPPROTO_TCP, FASTOPEN_NO_COOKIE, 1)
                found.append(sock.connect(address))
                if not cookie:
                    # Nothing has been sent yet.
                    found.append(attempt(sock.getpeername))
                found.append(getattr(sock, send)([b"hello"] if send == "sendmsg" else b"hello"))
                connection, _ = listener.accept()
                with connection:
                    found.append(connection.recv(100))
                    connection.sendall(b"answer")
                    found.append(sock.recv(100))
    return found


@scenario
def sendto_of_a_stream_sends_all(side: Side) -> Any:
    client, server = side.pair()

    def read() -> int:
        total = 0
        while data := server.recv(1 << 20):
            total += len(data)
        return total

    with client, server:
        task = side.spawn(read)
        found = client.sendto(bytes(FULL), 0, server.getsockname())
        client.shutdown(socket.SHUT_WR)
        return [found, task.result()]


@scenario
def close_waits_for_a_peer_that_reads_late(side: Side) -> Any:
    client, server = side.pair()
    with server:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 20))
        client.setblocking(False)
        while isinstance(attempt(client.send, bytes(100_000)), int):
            pass
        client.setblocking(True)
        ended: list[str] = []
        task = side.spawn(lambda: (client.close(), ended.append("closed")))
        side.until_waiting(task)
        ended.append("reads")
        found = [client.fileno()]
        while server.recv(1 << 20):
            pass
        task.result()
        return [*found, ended]


@scenario
def datagrams_to_a_full_peer_with_a_limit(side: Side) -> Any:
    sender = limit_writes(side.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    receiver = side.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.bind("")
        found = []
        for send in (sender.sendto, lambda data, to: sender.sendmsg([data], [], 0, to)):
            for _ in range(100_000):
                found = [*found[:1], attempt(send, b"x", receiver.getsockname())]
                if found[-1] != 1 and found[-1] != ("returned", 1):
                    break
        return found


@scenario
def reads_by_descriptor_with_a_limit(side: Side) -> Any:
    client, server = side.pair()
    reader, writer = os.pipe()
    with client, server, open(reader), open(writer, "w"):
        fd = limit_reads(client).fileno()
        found = [
            attempt(side.os.read, fd, 5),
            attempt(side.os.readv, fd, [bytearray(5)]),
            attempt(side.os.preadv, fd, [bytearray(5)], -1),
            attempt(side.os.splice, fd, writer, 5),
        ]
        server.sendall(b"abc")
        return [*found, side.os.read(fd, 5), attempt(side.os.read, fd, 5), os.get_blocking(fd)]


@scenario
def writes_by_descriptor_with_a_limit(side: Side) -> Any:
    client, server = side.pair()
    reader, writer = os.pipe()
    with client, server, open(reader), open(writer, "w"), tempfile.TemporaryFile() as file:
        file.truncate(FULL)
        # The kernel makes buffers of its own sizes larger, at its leisure.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        fd = limit_writes(client).fileno()
        # What was sent before the limit counts.
        found = [side.os.write(fd, bytes(FULL)) < FULL]
        os.write(writer, b"abc")
        return [
            *found,
            attempt(side.os.write, fd, b"a"),
            attempt(side.os.writev, fd, [b"a", b"b"]),
            attempt(side.os.sendfile, fd, file.fileno(), 0, FULL),
            attempt(side.os.splice, reader, fd, 3),
            os.get_blocking(fd),
        ]


@scenario
def a_sendfile_that_a_limit_ends(side: Side) -> Any:
    client, server = side.pair()
    with client, server, tempfile.TemporaryFile() as file:
        file.truncate(FULL)
        return 0 < side.os.sendfile(limit_writes(client).fileno(), file.fileno(), 0, FULL) < FULL


@scenario
def reads_by_descriptor_with_a_low_mark(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 4)
        server.sendall(b"ab")
        less = side.os.read(client.fileno(), 1)
        reading = side.spawn(side.os.read, client.fileno(), 10)
        side.sleep(0.02)
        # Fewer bytes than the mark wake no reader that has taken some already.
        server.sendall(b"cdef")
        return less, reading.result()


test_same = scenario.test()


def test_a_number_that_a_pipe_has_now_is_read_as_a_pipe() -> None:
    near, far = green_socket.socketpair()
    limit_reads(near)
    reader, writer = os.pipe()
    with near, far:
        # Another library closes the socket, and the pipe gets its number.
        os.dup2(reader, near.fileno())
        os.write(writer, b"ab")
        assert green_os.read(near.fileno(), 5) == b"ab"
    os.close(reader)
    os.close(writer)


def test_a_lingering_close_lets_others_run_and_leaks_nothing_when_it_is_killed() -> None:
    with green_socket.create_server(("127.0.0.1", 0)) as listener:
        client = green_socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 2))
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            client.send(bytes(100_000))
    fd = client.fileno()
    closer = greenrt.spawn(client.close)
    greenrt.sleep(0.02)
    assert not closer.dead
    closer.kill()
    server.close()
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/self/fd/{fd}") and time.monotonic() < deadline:
        greenrt.sleep(0.01)
    assert not os.path.exists(f"/proc/self/fd/{fd}")
    assert fd not in _socket_options.special


def test_a_lingering_close_that_is_killed_while_the_pool_is_full_closes() -> None:
    near, far = green_socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 2))
    fd = near.fileno()
    pool = greenrt.get_hub().threadpool
    gate = threading.Event()
    calls = [pool.spawn(gate.wait, 20) for _ in range(pool.maxsize)]
    closer = greenrt.spawn(near.close)
    greenrt.sleep(0.02)
    closer.kill()
    assert not os.path.exists(f"/proc/self/fd/{fd}")
    assert far.recv(1) == b""
    far.close()
    gate.set()
    for call in calls:
        call.get()


def test_a_closed_socket_leaves_nothing_to_the_next_one_with_its_number() -> None:
    near, far = green_socket.socketpair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 5)
    assert _socket_options.special == {near.fileno()}
    near.close()
    far.close()
    assert not _socket_options.special


def test_native_threads_regard_the_options() -> None:
    near, far = green_socket.socketpair()
    found: list[Any] = []

    def work() -> None:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, SHORT)
        found.append(attempt(near.recv, 5))
        far.send(b"ab")
        found.append(attempt(near.recv, 5, socket.MSG_WAITALL))

    with near, far:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(20)
    assert found == [("BlockingIOError", 11), b"ab"]


def test_a_patched_program_has_the_same_limits() -> None:
    out, _ = run_script("""
        from greenrt.monkey import patch_all; patch_all()
        import socket, struct, threading
        near, far = socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 50_000))
        try:
            near.recv(5)
        except BlockingIOError:
            print("limited")
        threading.Timer(0.02, far.send, [b"abc"]).start()
        print(near.recvfrom(5, socket.MSG_WAITALL)[0])
    """)
    assert out.split() == ["limited", "b'abc'"]


def test_options_of_sockets_that_are_older_than_patching() -> None:
    out, _ = run_script("""
        import os, socket, struct
        near, far = socket.socketpair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 50_000))
        # As a socket of a C library: no socket object refers to it.
        bare, other = socket.socketpair()
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 50_000))
        bare = bare.detach()
        before = os.listdir("/dev/fd")

        from greenrt.monkey import patch_all; patch_all()
        assert os.listdir("/dev/fd") == before
        for sock in (near, socket.socket(fileno=bare)):
            try:
                sock.recv(5)
            except BlockingIOError:
                print("limited")
            sock.close()
    """)
    assert out.split() == ["limited"] * 2


def test_a_default_timeout_leaves_older_sockets_blocking() -> None:
    out, _ = run_script("""
        import os, socket
        near, far = socket.socketpair()
        listener = socket.create_server(("127.0.0.1", 0))
        socket.setdefaulttimeout(5)
        from greenrt.monkey import patch_all; patch_all()
        print(os.get_blocking(near.fileno()), os.get_blocking(listener.fileno()))
    """)
    assert out.split() == ["True", "True"]


@pytest.mark.parametrize("into", [False, True])
def test_data_below_the_low_mark_is_read_without_an_event(into: bool) -> None:
    ours, theirs = green_socket.socketpair()
    with ours, theirs, greenrt.Timeout(20):
        # A wait and a short read: the loop knows that there is nothing to read before the next event.
        greenrt.spawn_later(0.01, theirs.send, bytes(50))
        assert len(ours.recv(100)) == 50
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 100)
        theirs.send(b"early")
        greenrt.sleep(0.01)
        assert (ours.recv_into(bytearray(1)) == 1) if into else (ours.recv(1) == b"e")


def test_a_close_during_a_read_with_a_target_is_an_os_error() -> None:
    ours, theirs = green_socket.socketpair()
    with theirs, greenrt.Timeout(20):
        reading = greenrt.spawn(ours.recv, 10, socket.MSG_WAITALL)
        theirs.send(b"abc")
        greenrt.sleep(0.01)
        ours.close()
        with pytest.raises(OSError, match="closed"):
            reading.get()


def test_a_lingering_close_at_the_end_of_the_process() -> None:
    """CPython 3.12 starts no threads while the functions of atexit run."""
    out, _ = run_script("""
        from greenrt import monkey
        monkey.patch_all()
        import atexit, socket, time
        ours, theirs = socket.socketpair()
        listener = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, (1).to_bytes(4, "little") + (2).to_bytes(4, "little"))
        server.send(b"bye")
        def end():
            server.close()
            print(client.recv(10), client.recv(10))
            for sock in (ours, theirs, listener, client):
                sock.close()
        atexit.register(end)
        time.sleep(0)
    """)
    assert out == "b'bye' b''\n"
