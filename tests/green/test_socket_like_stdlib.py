"""Each scenario ends the same way on the standard library with threads and on green sockets with greenlets."""

import errno
import io
import os
import socket
import tempfile
from typing import Any

from support.sides import Scenarios, Side, attempt

scenario = Scenarios()


@scenario
def echo(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        task = side.spawn(lambda: server.sendall(server.recv(100)))
        client.sendall(b"hello")
        task.result()
        return client.recv(100)


@scenario
def end_of_stream(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        server.sendall(b"last")
        server.shutdown(socket.SHUT_WR)
        return [client.recv(2), client.recv(100), client.recv(100), client.recv(100)]


@scenario
def the_real_length_of_truncated_datagrams(side: Side) -> Any:
    near, far = side.socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        found = []
        for size in (5, 50, 200_000):
            near.send(b"x" * size)
            try:
                data = far.recv(10, socket.MSG_TRUNC)
            except ValueError as error:
                # From CPython 3.15 on, the buffer refuses to grow.
                found.append(str(error))
            else:
                found.append((len(data), data[:10]))
        return found


@scenario
def shutdown_wakes_a_reader(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        task = side.spawn(client.recv, 10)
        side.sleep(0.05)
        client.shutdown(socket.SHUT_RD)
        return task.result()


@scenario
def reset_by_peer(side: Side) -> Any:
    client, server = side.pair()
    with client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        task = side.spawn(client.recv, 10)
        side.sleep(0.05)
        server.close()
        return task.result()


@scenario
def send_to_a_closed_peer(side: Side) -> Any:
    client, server = side.pair()
    with client:
        server.close()
        client.send(b"x")
        side.sleep(0.05)
        return attempt(client.send, b"x")


@scenario
def refused(side: Side) -> Any:
    with side.socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
        with side.socket.socket() as one, side.socket.socket() as other:
            return [attempt(one.connect, address), other.connect_ex(address)]


@scenario
def create_connection_refused(side: Side) -> Any:
    with side.socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return attempt(side.socket.create_connection, probe.getsockname(), 5)


@scenario
def timeouts(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        client.settimeout(0.03)
        found = [
            attempt(client.recv, 1),
            attempt(client.recv_into, bytearray(4)),
            attempt(client.recvfrom, 9),
        ]
        found += [attempt(client.recvmsg, 9), attempt(client.recvmsg_into, [bytearray(3)])]
        return [*found, client.gettimeout(), attempt(client.sendall, b"x" * 50_000_000)]


@scenario
def non_blocking(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        client.setblocking(False)
        found = [
            attempt(client.recv, 1),
            attempt(client.recv_into, bytearray(4)),
            attempt(client.recvfrom, 9),
        ]
        server.sendall(b"abc")
        side.sleep(0.05)
        found += [client.recv(2), client.recv(2), attempt(client.recv, 1), client.getblocking()]
        sent = client.send(b"x" * 50_000_000)
        # The kernel may find room for more while it forwards the sent data.
        while isinstance(full := attempt(client.send, b"x" * 5_000_000), int):
            pass
        return [*found, 0 < sent < 50_000_000, full]


@scenario
def non_blocking_accept_and_connect(side: Side) -> Any:
    with side.socket.create_server(("127.0.0.1", 0)) as listener, side.socket.socket() as client:
        listener.setblocking(False)
        found = [attempt(listener.accept)]
        client.setblocking(False)
        found.append(attempt(client.connect, listener.getsockname()))
        side.sleep(0.05)
        server, _ = listener.accept()
        with server:
            return [
                *found,
                server.getblocking(),
                server.gettimeout(),
                client.connect_ex(listener.getsockname()),
            ]


@scenario
def flags_that_never_wait(side: Side) -> Any:
    dontwait = socket.MSG_DONTWAIT
    client, server = side.pair()
    with client, server:
        calls = [
            lambda: client.recv(1, dontwait),
            lambda: client.recv(1, dontwait | socket.MSG_PEEK),
            lambda: client.recv_into(bytearray(4), 4, dontwait),
            lambda: client.recvfrom(9, dontwait),
            lambda: client.recvfrom_into(bytearray(4), 4, dontwait),
            lambda: client.recvmsg(9, 0, dontwait),
            lambda: client.recvmsg_into([bytearray(3)], 0, dontwait),
            lambda: client.recvmsg(9, 100, socket.MSG_ERRQUEUE),
            lambda: client.recv(9, dontwait | socket.MSG_WAITALL),
        ]
        found = [attempt(call) for call in calls]
        client.settimeout(0.02)
        found.append(attempt(calls[0]))
        client.settimeout(None)
        server.sendall(b"abc")
        side.sleep(0.05)
        found += [client.recv(1, dontwait), client.recv(9, dontwait | socket.MSG_WAITALL)]
        sent = client.send(bytes(50_000_000), dontwait)
        found += [0 < sent < 50_000_000, attempt(client.send, bytes(5_000_000), dontwait)]
        return [*found, attempt(client.sendmsg, [bytes(5_000_000)], [], dontwait)]


@scenario
def connecting_again_after_a_refusal(side: Side) -> Any:
    with side.socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
        with side.socket.socket() as client:
            client.settimeout(30)
            found = [attempt(client.connect, address), client.connect_ex(address), client.gettimeout()]
            probe.listen()
            client.connect(address)
            server, _ = probe.accept()
            with server:
                client.sendall(b"at last")
                return [*found, server.recv(100)]


@scenario
def connecting_takes_too_long(side: Side) -> Any:
    with side.socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        # Connections beyond the backlog are not answered at all.
        filling = [side.socket.socket() for _ in range(4)]
        for sock in filling:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        side.sleep(0.05)
        with side.socket.socket() as one, side.socket.socket() as other:
            one.settimeout(0.05)
            other.settimeout(0.05)
            found = [attempt(one.connect, listener.getsockname()), other.connect_ex(listener.getsockname())]
            found.append(attempt(side.socket.create_connection, listener.getsockname(), 0.05))
        for sock in filling:
            sock.close()
        return found


@scenario
def several_accept_and_receive_at_once(side: Side) -> Any:
    def accept_one() -> bytes:
        connection, _ = listener.accept()
        with connection:
            return connection.recv(10)

    with side.socket.create_server(("127.0.0.1", 0)) as listener:
        tasks = [side.spawn(accept_one) for _ in range(5)]
        side.sleep(0.02)
        for number in range(5):
            with side.socket.create_connection(listener.getsockname()) as client:
                client.sendall(b"%d" % number)
                side.sleep(0.01)
        found = [sorted(task.result() for task in tasks)]
    with side.socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        tasks = [side.spawn(sock.recv, 10) for _ in range(5)]
        side.sleep(0.02)
        for number in range(5):
            sock.sendto(b"%d" % number, sock.getsockname())
        found.append(sorted(task.result() for task in tasks))
    return found


@scenario
def over_version_6(side: Side) -> Any:
    with side.socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        with side.socket.create_connection(listener.getsockname()[:2]) as client:
            server, address = listener.accept()
            with server:
                task = side.spawn(server.recv, 10)
                client.sendall(b"six")
                found: list[Any] = [task.result(), address == client.getsockname(), len(address)]
    kind = (socket.AF_INET6, socket.SOCK_DGRAM)
    with side.socket.socket(*kind) as a, side.socket.socket(*kind) as b:
        a.bind(("::1", 0))
        task = side.spawn(a.recvfrom, 10)
        b.sendto(b"dgram", a.getsockname())
        return [*found, task.result()[0]]


@scenario
def datagrams_to_a_name(side: Side) -> Any:
    with side.socket.socket(type=socket.SOCK_DGRAM) as a, side.socket.socket(type=socket.SOCK_DGRAM) as b:
        a.bind(("127.0.0.1", 0))
        port = a.getsockname()[1]
        b.sendto(b"to", ("localhost", port))
        b.sendmsg([b"msg"], [], 0, ("localhost", port))
        b.connect(("localhost", port))
        b.send(b"connected")
        return [a.recv(10), a.recv(10), a.recv(10), attempt(b.sendto, b"x", ("no-such-host.invalid", port))]


@scenario
def large_reads(side: Side) -> Any:
    client, server = side.pair()
    payload = os.urandom(400_000)
    with client, server:
        task = side.spawn(client.sendall, payload * 3)
        found = [server.recv(400_000, socket.MSG_WAITALL) == payload, len(server.recv(10)), server.recv(0)]
        rest = bytearray()
        while len(rest) < 799_990:
            rest += server.recv(1 << 20)
        task.result()
        client.sendall(b"little")
        return [*found, bytes(rest) == (payload * 2)[10:], server.recv(1 << 20)]


@scenario
def sendfile_with_a_timeout(side: Side) -> Any:
    client, server = side.pair()
    with client, server, tempfile.TemporaryFile() as file:
        file.truncate(20_000_000)
        client.settimeout(0.05)
        found = [attempt(client.sendfile, file), 0 < file.tell() < 20_000_000]
        client.settimeout(0)
        return [*found, attempt(client.sendfile, file)]


@scenario
def accepted_from_a_listener_with_a_timeout(side: Side) -> Any:
    with side.socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        found = [attempt(listener.accept)]
        client = side.socket.create_connection(listener.getsockname())
        server, address = listener.accept()
        with client, server:
            return [
                *found,
                server.gettimeout(),
                address == client.getsockname(),
                os.get_blocking(server.fileno()),
            ]


@scenario
def send_without_a_timeout_sends_everything(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        task = side.spawn(drain, server)
        sent = client.send(bytes(20_000_000))
        client.close()
        return sent, task.result()


def drain(sock: Any) -> int:
    total = 0
    while data := sock.recv(65536):
        total += len(data)
    return total


@scenario
def sendmsg_without_a_timeout_sends_everything(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        task = side.spawn(drain, server)
        sent = client.sendmsg([bytes(7_000_000), b"abc", bytearray(6_000_000)])
        client.close()
        return sent, task.result()


@scenario
def sendall_of_every_kind_of_buffer(side: Side) -> Any:
    import array

    client, server = side.pair()
    with client, server:
        for data in (b"bytes", bytearray(b"array"), memoryview(b"view"), array.array("i", [1, 2]), b""):
            client.sendall(data)
        client.close()
        parts = []
        while data := server.recv(100):
            parts.append(data)
        return b"".join(parts)


@scenario
def resizing_what_is_being_sent_or_filled(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        data = bytearray(20_000_000)
        task = side.spawn(client.sendall, data)
        assert server.recv(1, socket.MSG_PEEK)
        found = [attempt(data.clear)]
        left = 20_000_000
        while left:
            left -= len(server.recv(1 << 20))
        task.result()
        buffer = bytearray(100)
        task = side.spawn(client.recv_into, buffer)
        side.until_waiting(task)
        found.append(attempt(buffer.clear))
        server.sendall(b"abc")
        return [*found, task.result(), bytes(buffer[:4])]


@scenario
def connected_unix_datagrams_to_a_slow_reader(side: Side) -> Any:
    def write(sock: Any) -> None:
        for number in range(500):
            sock.send(b"%d" % number * 10)

    def read(sock: Any) -> int:
        for number in range(500):
            if number % 50 == 0:
                side.sleep(0.005)
            assert sock.recv(100) == b"%d" % number * 10
        return sock.fileno() >= 0

    kind = (socket.AF_UNIX, socket.SOCK_DGRAM)
    a, b = side.socket.socketpair(*kind)
    with a, b:
        task = side.spawn(write, a)
        found = [read(b), task.result()]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "d")
        with side.socket.socket(*kind) as receiver, side.socket.socket(*kind) as sender:
            receiver.bind(path)
            sender.connect(path)
            task = side.spawn(write, sender)
            return [*found, read(receiver), task.result()]


@scenario
def big_transfer_with_a_slow_reader(side: Side) -> Any:
    client, server = side.pair()
    payload = os.urandom(1 << 20) * 24

    def read() -> bool:
        got = bytearray()
        while len(got) < len(payload):
            if len(got) % 7 == 0:
                side.sleep(0.001)
            got += server.recv(1 << 18)
        return got == payload

    with client, server:
        task = side.spawn(read)
        client.sendall(payload)
        return task.result()


@scenario
def waitall(side: Side) -> Any:
    client, server = side.pair()

    def write() -> None:
        for part in (b"ab", b"cd", b"ef"):
            server.sendall(part)
            side.sleep(0.02)

    with client, server:
        task = side.spawn(write)
        found: list[Any] = [client.recv(5, socket.MSG_WAITALL)]
        task.result()
        server.sendall(b"gh")
        server.close()
        buffer = bytearray(8)
        found.append(client.recv_into(buffer, 8, socket.MSG_WAITALL))
        return [*found, bytes(buffer)]


@scenario
def peek(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        server.sendall(b"abcdef")
        side.sleep(0.02)
        return [client.recv(3, socket.MSG_PEEK), client.recv(9, socket.MSG_PEEK), client.recv(9)]


@scenario
def urgent_data(side: Side) -> Any:
    # A read stops before urgent data, though more data has arrived.
    client, server = side.pair()
    with client, server:
        task = side.spawn(read_some, client, 11)
        side.sleep(0.02)
        server.sendall(b"one")
        side.sleep(0.02)
        server.sendall(b"two")
        server.send(b"!", socket.MSG_OOB)
        server.sendall(b"three")
        return task.result()


def read_some(sock: Any, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += sock.recv(100)
    return got


@scenario
def bad_arguments(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        return [
            attempt(client.recv, -1),
            attempt(client.recv_into, bytearray(2), 5),
            attempt(client.recv_into, bytearray(2), -1),
            attempt(client.recv_into, b"read-only"),
            attempt(client.send, "text"),
            attempt(client.sendall, 5),
            attempt(client.recv, "many"),
            attempt(client.sendto, b"x"),
            client.recv(0),
            client.recv_into(bytearray(0)),
            attempt(client.settimeout, -1),
            attempt(client.connect, ("127.0.0.1", 70000)),
            attempt(client.connect, "nonsense"),
        ]


@scenario
def closed(side: Side) -> Any:
    sock = side.socket.socket()
    sock.close()
    sock.close()
    calls = [
        (sock.recv, 1),
        (sock.send, b"x"),
        (sock.accept,),
        (sock.connect, ("127.0.0.1", 9)),
        (sock.getsockname,),
    ]
    return [attempt(call, *args) for call, *args in calls] + [sock.fileno()]


@scenario
def datagrams(side: Side) -> Any:
    with side.socket.socket(type=socket.SOCK_DGRAM) as a, side.socket.socket(type=socket.SOCK_DGRAM) as b:
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        task = side.spawn(a.recvfrom, 100)
        b.sendto(b"one", a.getsockname())
        data, sender = task.result()
        found: list[Any] = [data, sender == b.getsockname()]
        b.sendto(b"", 0, a.getsockname())
        b.sendto(b"long datagram", a.getsockname())
        b.sendmsg([b"par", b"ts"], [], 0, a.getsockname())
        buffer = bytearray(20)
        found += [a.recv(10), a.recv(4), a.recvfrom_into(buffer)[0], bytes(buffer)]
        a.connect(b.getsockname())
        a.send(b"connected")
        return [*found, b.recv(100), a.getpeername() == b.getsockname()]


@scenario
def unix_sockets(side: Side) -> Any:
    with tempfile.TemporaryDirectory() as folder, side.socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "s")
        listener.bind(path)
        listener.listen()
        with side.socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            server, _ = listener.accept()
            with server:
                task = side.spawn(server.recv, 10)
                client.sendall(b"unix")
                return [task.result(), client.getpeername() == path, attempt(client.connect, folder)]


@scenario
def descriptors_over_unix(side: Side) -> Any:
    a, b = side.socket.socketpair()
    with a, b, tempfile.TemporaryFile() as file:
        file.write(b"content")
        file.flush()
        task = side.spawn(side.socket.recv_fds, b, 100, 2)
        side.socket.send_fds(a, [b"x"], [file.fileno()])
        data, fds, _, _ = task.result()
        try:
            return data, len(fds), os.pread(fds[0], 100, 0)
        finally:
            os.close(fds[0])


@scenario
def full_unix_datagram_peer(side: Side) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "d")
        kinds = (socket.AF_UNIX, socket.SOCK_DGRAM)
        with side.socket.socket(*kinds) as receiver, side.socket.socket(*kinds) as sender:
            receiver.bind(path)
            task = side.spawn(lambda: [sender.sendto(b"%d" % n, path) for n in range(300)])
            side.sleep(0.05)
            got = [receiver.recv(10) for _ in range(300)]
            task.result()
            sender.settimeout(0.05)
            overrun = attempt(lambda: [sender.sendto(b"x", path) for _ in range(100_000)])
            return got == [b"%d" % n for n in range(300)], overrun


@scenario
def full_unix_backlog(side: Side) -> Any:
    with tempfile.TemporaryDirectory() as folder, side.socket.socket(socket.AF_UNIX) as listener:
        path = os.path.join(folder, "s")
        listener.bind(path)
        listener.listen(1)
        clients = [side.socket.socket(socket.AF_UNIX) for _ in range(6)]
        tasks = [side.spawn(client.connect, path) for client in clients]
        side.sleep(0.05)
        servers = [listener.accept()[0] for _ in clients]
        outcomes = [task.result() for task in tasks]
        for sock in clients + servers:
            sock.close()
        return outcomes


@scenario
def makefile(side: Side) -> Any:
    client, server = side.pair()
    with client, server, client.makefile("rwb") as stream, server.makefile("r", encoding="utf-8") as text:
        stream.write("zwei Zeilen\nüber TCP\n".encode())
        stream.flush()
        found: list[Any] = [text.readline(), text.readline()]
        server.sendall(b"abc\ndef")
        server.shutdown(socket.SHUT_WR)
        return [*found, stream.readline(), stream.read(), stream.read()]


@scenario
def makefile_keeps_the_socket_open(side: Side) -> Any:
    client, server = side.pair()
    with server:
        stream = client.makefile("rb", buffering=0)
        client.close()
        server.sendall(b"late")
        found = [stream.read(10), client.fileno() >= 0]
        stream.close()
        return [*found, client.fileno(), attempt(client.recv, 1)]


@scenario
def makefile_timeout(side: Side) -> Any:
    client, server = side.pair()
    with client, server, client.makefile("rb") as stream:
        client.settimeout(0.02)
        return [attempt(stream.readline), attempt(stream.readline)]


@scenario
def sendfile(side: Side) -> Any:
    client, server = side.pair()
    with client, server, tempfile.TemporaryFile() as file:
        payload = os.urandom(3_000_000)
        file.write(payload)
        file.seek(0)
        task = side.spawn(read_all, server)
        sent = [client.sendfile(file), client.sendfile(file, 10, 100), file.tell()]
        sent.append(client.sendfile(io.BytesIO(b"no file")))
        sent.append(attempt(client.sendfile, io.StringIO("text")))
        client.close()
        return sent, task.result() == payload + payload[10:110] + b"no file"


def read_all(sock: Any) -> bytes:
    parts = []
    while data := sock.recv(100_000):
        parts.append(data)
    return b"".join(parts)


@scenario
def duplicates(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        client.settimeout(3)
        copy = client.dup()
        found = [type(copy) is side.socket.socket, copy.gettimeout(), os.get_inheritable(copy.fileno())]
        client.close()
        with copy:
            task = side.spawn(copy.recv, 5)
            side.sleep(0.02)
            server.sendall(b"dup")
            return [*found, task.result()]


@scenario
def detached(side: Side) -> Any:
    client, server = side.pair()
    with server:
        fd = client.detach()
        found: list[Any] = [client.fileno(), os.get_blocking(fd), attempt(client.recv, 1)]
        with side.socket.socket(fileno=fd) as again:
            server.sendall(b"x")
            return [*found, again.recv(5), again.family, again.type]


@scenario
def detached_listener(side: Side) -> Any:
    listener = side.socket.create_server(("127.0.0.1", 0))
    client = side.socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    fd = listener.detach()
    try:
        return os.get_blocking(fd)
    finally:
        os.close(fd)
        client.close()
        server.close()


@scenario
def options_and_names(side: Side) -> Any:
    client, server = side.pair()
    with client, server:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return [
            client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
            client.getpeername() == server.getsockname(),
            client.family,
            client.type,
            client.proto,
            repr(client).split(" fd")[1][:2],
            attempt(client.getsockopt, 1, 99999),
        ]


@scenario
def names(side: Side) -> Any:
    module = side.socket
    return [
        module.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM),
        module.getaddrinfo("::1", "http", socket.AF_INET6, socket.SOCK_STREAM),
        module.getaddrinfo(None, 0, 0, socket.SOCK_DGRAM, 0, socket.AI_PASSIVE),
        module.gethostbyname("127.0.0.1"),
        module.gethostbyname(""),
        module.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV),
        attempt(module.getaddrinfo, "1.2.3.4", "no-such-service"),
        attempt(module.getaddrinfo, "not numeric", 1, 0, 0, 0, socket.AI_NUMERICHOST),
        attempt(module.getaddrinfo, 5, 80),
        attempt(module.gethostbyname, 5),
    ]


@scenario
def servers(side: Side) -> Any:
    module = side.socket
    with module.create_server(("", 0)) as v4, module.create_server(("::1", 0), family=socket.AF_INET6) as v6:
        with module.create_connection(("127.0.0.1", v4.getsockname()[1])) as client:
            return [v4.family, v6.family, client.family, module.has_dualstack_ipv6()]


@scenario
def errno_of_a_bad_address_family(side: Side) -> Any:
    with side.socket.socket(socket.AF_INET6) as sock:
        return (
            attempt(sock.connect, ("127.0.0.1", 1)) in [("OSError", errno.ENETUNREACH), ("gaierror", -9)]
            or "refused"
        )


test_same = scenario.test()
