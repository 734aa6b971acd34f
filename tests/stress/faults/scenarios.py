"""Short programs that use all that greenrt asks of the kernel.

Each checks its own results, and has its own time limit.
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import greenrt
from greenrt.green import _fd_io, select, socket, subprocess
from greenrt.green._file_objects import open as green_open
from greenrt.serve.stream import StreamServer

__all__ = ["BROKEN", "MAIN", "SCENARIOS"]

# Seconds for what a fault may make impossible.
LIMIT = 0.5


def greenlets() -> None:
    """Spawn, sleep, wait, join."""
    done = greenrt.Event()
    waiting = greenrt.spawn(done.wait, LIMIT)
    greenrt.sleep(0.001)
    done.set()
    assert waiting.get(timeout=LIMIT)
    greenrt.joinall([greenrt.spawn(greenrt.sleep, 0.001) for _ in range(3)], timeout=LIMIT)


def tcp() -> None:
    """Listen, connect, accept, send, receive, close."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)

        def serve() -> bytes:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(LIMIT)
                data = connection.recv(100)
                connection.sendall(data * 2)
                return data

        serving = spawn_quietly(serve)
        with socket.create_connection(listener.getsockname(), LIMIT) as client:
            client.sendall(b"hello")
            with client.makefile("rb") as file:
                got = file.read(10)
        assert serving.get(timeout=LIMIT)() == b"hello"
        assert got == b"hellohello"


def big_transfer() -> None:
    """Send more than the buffers hold, from one greenlet to another."""
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(LIMIT)
        other.settimeout(LIMIT)
        data = bytes(range(256)) * 2000

        def send() -> None:
            try:
                one.sendall(data)
            finally:
                one.shutdown(socket.SHUT_WR)

        sending = spawn_quietly(send)
        got = bytearray()
        while piece := other.recv(100_000):
            got += piece
        sending.get(timeout=LIMIT)()
        assert got == data


def datagrams() -> None:
    """Send and receive UDP."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(type=socket.SOCK_DGRAM) as other,
    ):
        one.bind(("127.0.0.1", 0))
        one.settimeout(LIMIT)
        receiving = spawn_quietly(one.recvfrom, 100)
        greenrt.sleep(0)
        other.sendto(b"ping", one.getsockname())
        data, address = receiving.get(timeout=LIMIT)()
        assert data == b"ping"
        assert address[0] == "127.0.0.1"


def selecting() -> None:
    """Wait by select and poll."""
    one, other = socket.socketpair()
    with one, other:
        assert select.select([one], [], [], 0.001) == ([], [], [])
        other.send(b"x")
        assert select.select([one], [one], [], LIMIT) == ([one], [one], [])
        poll = select.poll()
        poll.register(one, select.POLLIN)
        assert poll.poll(LIMIT * 1000) == [(one.fileno(), select.POLLIN)]


def pipes_and_files() -> None:
    """Read and write a pipe through fds and file objects."""
    read_fd, write_fd = os.pipe()
    with open_end(read_fd, "rb") as reader:
        with open_end(write_fd, "wb") as writer:
            reading = spawn_quietly(reader.readline)
            greenrt.sleep(0)
            writer.write(b"one line\n")
            writer.flush()
            try:
                assert reading.get(timeout=LIMIT)() == b"one line\n"
            finally:
                # It must not be closed while it is read.
                reading.kill()
            _fd_io.write(write_fd, b"more")
            assert _fd_io.read(read_fd, 4) == b"more"


def open_end(fd: int, mode: str) -> Any:
    try:
        return green_open(fd, mode)
    except BaseException:
        os.close(fd)
        raise


def children() -> None:
    """Run a program, and read what it writes."""
    done = subprocess.run(["/bin/sh", "-c", "echo out; exit 3"], stdout=subprocess.PIPE, timeout=5)
    assert (done.returncode, done.stdout) == (3, b"out\n")


def native_threads() -> None:
    """Call functions in a native thread pool."""
    pool = greenrt.ThreadPool(2)
    try:
        assert pool.apply(len, ("abc",)) == 3
        calls = [pool.spawn(abs, -n) for n in range(4)]
        assert [call.get(timeout=LIMIT) for call in calls] == [0, 1, 2, 3]
    finally:
        pool.kill()


def calls_between_loops() -> None:
    """Post to and call another thread's loop, and be called by it."""
    proxy = greenrt.get_hub().loop.proxy()
    answers: list[Any] = []

    def other() -> None:
        try:
            answers.append(proxy.call(len, "abcd", timeout=LIMIT))
            proxy.post(answers.append, "posted")
        except Exception as error:
            answers.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        with greenrt.Timeout(LIMIT):
            while len(answers) < 2:
                greenrt.sleep(0.001)
    finally:
        thread.join()
    assert answers == [4, "posted"]


def names() -> None:
    """Look names up that need no name server."""
    assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
    found = socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    assert {entry[1] for entry in found} == {socket.SOCK_STREAM}


def servers() -> None:
    """Start a server, be served, stop it."""

    def handle(connection: Any, address: Any) -> None:
        connection.sendall(connection.recv(10))

    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.server_port), LIMIT) as client:
            client.sendall(b"abc")
            got = client.recv(10)
        if not got:
            raise ConnectionError("closed before it was served")
        assert got == b"abc"
    finally:
        server.stop(timeout=LIMIT)


def watchers() -> None:
    """Watch a child and an fd, finalize and close."""
    loop = greenrt.get_hub().loop
    pid = os.posix_spawn("/bin/true", ["true"], os.environ)
    try:
        codes: list[int] = []
        with loop.child(pid) as child:
            child.start(lambda: codes.append(child.rstatus))
            with greenrt.Timeout(5):
                while not codes:
                    greenrt.sleep(0.001)
        assert codes == [0]
    finally:
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass
    one, other = socket.socketpair()
    with one, other:
        with loop.io(one.fileno(), 2) as writable:
            done = greenrt.Event()
            writable.start(done.set)
            assert done.wait(LIMIT)
            ended = greenrt.Event()
            writable.finalize(lambda _: ended.set())
            assert ended.wait(LIMIT)


def signals() -> None:
    """Handle signals, in the main thread."""
    seen: list[int] = []
    done = greenrt.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    # In place of death, if the watcher is gone already.
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        with greenrt.get_hub().loop.signal(signal.SIGUSR2) as watcher:
            watcher.start(done.set)
            sending = [
                spawn_quietly(os.kill, os.getpid(), number) for number in (signal.SIGUSR1, signal.SIGUSR2)
            ]
            assert done.wait(LIMIT)
            for one in sending:
                one.get(timeout=LIMIT)()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [1]


def leaky() -> None:
    """What the sweep must find fault with: it leaves a pipe open if its write fails."""
    read_fd, write_fd = os.pipe()
    os.write(write_fd, b"x")
    os.close(write_fd)
    os.close(read_fd)


# Those that run in the main thread.
MAIN = {"signals"}


def spawn_quietly(function: Callable[..., Any], *args: Any) -> Any:
    """Spawn a greenlet whose value is a function that returns or raises what `function` did."""

    def run() -> Callable[[], Any]:
        try:
            value = function(*args)
        except Exception as error:
            raised = error.with_traceback(None)

            def again() -> Any:
                raise raised

            return again
        return lambda: value

    return greenrt.spawn(run)


SCENARIOS: dict[str, Callable[[], None]] = {
    scenario.__name__: scenario
    for scenario in (
        greenlets,
        tcp,
        big_transfer,
        datagrams,
        selecting,
        pipes_and_files,
        children,
        native_threads,
        calls_between_loops,
        names,
        servers,
        watchers,
        signals,
    )
}
BROKEN = {"leaky": leaky}
