"""Shared parts of the examples' tests: a child process with a time limit, and plain blocking sockets.

This module does not use greenrt: ordinary clients and servers test the examples from outside.
"""

import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
LIMIT = 60.0  # seconds for any wait of a test; only a hang takes as long
POLL = 0.01  # seconds
UNDER_GREENRT = ("-m", "greenrt.monkey")


class Child:
    """A program run by this interpreter in a session of its own, with its output in files.

    With files instead of pipes, nothing blocks, whatever the child writes, and no helper thread has to read.
    """

    def __init__(self, *arguments: str | Path, shell: str = "", keep_stdin: bool = False) -> None:
        """Start the program; `shell` is a command that sets up its environment, such as a ulimit."""
        command = [sys.executable, *map(str, arguments)]
        if shell:
            command = ["sh", "-c", f'{shell}; exec "$@"', "sh", *command]
        environ = dict(os.environ, PYTHONFAULTHANDLER="1", NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        # The files stay open as long as this object exists.
        self._stdout = tempfile.TemporaryFile()  # noqa: SIM115
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if keep_stdin else subprocess.DEVNULL,
            stdout=self._stdout,
            stderr=self._stderr,
            env=environ,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            # The child is not reaped yet, so its number is still valid; its own children end with it.
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        self._stdout.close()
        self._stderr.close()

    @property
    def stdout(self) -> str:
        """Return everything written to stdout so far."""
        return self._read(self._stdout.fileno())

    @property
    def stderr(self) -> str:
        """Return everything written to stderr so far."""
        return self._read(self._stderr.fileno())

    @staticmethod
    def _read(fd: int) -> str:
        # pread is used because the child shares the file's offset, which must not move.
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone."""
        self.process.send_signal(number)

    def press_ctrl_c(self) -> None:
        """Interrupt the program and its children, as a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def wait(self) -> int:
        """Wait for the end; return the exit code."""
        deadline = time.monotonic() + LIMIT
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                self._fail_as_hung("did not end")
            time.sleep(POLL)
        assert self.process.returncode is not None
        return self.process.returncode

    def wait_for(self, pattern: str, stream: str = "stdout") -> re.Match[str]:
        """Wait until the pattern appears in a stream of the program; return the match."""
        deadline = time.monotonic() + LIMIT
        while True:
            ended = self.process.poll() is not None
            if match := re.search(pattern, self.stdout if stream == "stdout" else self.stderr):
                return match
            if ended:
                pytest.fail(f"ended without writing {pattern!r}\n{self.report()}")
            if time.monotonic() > deadline:
                self._fail_as_hung(f"did not write {pattern!r}")
            time.sleep(POLL)

    def port(self) -> int:
        """Wait until the program prints its address; return the port."""
        return int(self.wait_for(r"listening on (?:http://)?127\.0\.0\.1:(\d+)\n")[1])

    def check_clean_end(self, exit_code: int = 0) -> None:
        """Wait for the end; check the exit code, and that no traceback was written."""
        code = self.wait()
        assert code == exit_code, self.report()
        assert "Traceback" not in self.stderr, self.report()
        assert "Traceback" not in self.stdout, self.report()

    def report(self) -> str:
        """Return the state of the program, for the message of a failed test."""
        state = self.process.returncode
        return (
            f"command: {self.process.args!r}\nexit code: {state}\n"
            f"stdout:\n{self.stdout}\nstderr:\n{self.stderr}"
        )

    def _fail_as_hung(self, complaint: str) -> None:
        # faulthandler, which is enabled in every child, answers SIGABRT with the stacks of all threads on stderr.
        self.process.send_signal(signal.SIGABRT)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        pytest.fail(f"{complaint} within {LIMIT:.0f} s\n{self.report()}")


def example(name: str, *arguments: str | Path) -> Child:
    """Start an example with arguments."""
    return Child(EXAMPLES / name, *arguments)


def connect(port: int) -> socket.socket:
    """Connect a blocking socket with a timeout to a local port."""
    return socket.create_connection(("127.0.0.1", port), LIMIT)


def listen() -> socket.socket:
    """Return a listening local socket whose accept has a timeout."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.settimeout(LIMIT)
    return listener


def port_of(sock: socket.socket) -> int:
    """Return the local port of a socket."""
    port = sock.getsockname()[1]
    assert isinstance(port, int)
    return port


def accept(listener: socket.socket) -> socket.socket:
    """Accept one connection; all its operations have a timeout."""
    connection = listener.accept()[0]
    connection.settimeout(LIMIT)
    return connection


def receive(sock: socket.socket, size: int) -> bytes:
    """Receive exactly `size` bytes, or fewer if the peer ends."""
    data = bytearray()
    while len(data) < size and (part := sock.recv(size - len(data))):
        data += part
    return bytes(data)


def receive_all(sock: socket.socket) -> bytes:
    """Receive until the peer ends."""
    data = bytearray()
    while part := sock.recv(65536):
        data += part
    return bytes(data)


def reset(sock: socket.socket) -> None:
    """Close a TCP socket so that the peer sees a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # linger, for no time
    sock.close()


def wait_until_refused(port: int) -> None:
    """Wait until a local port is closed."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            connect(port).close()
        except ConnectionRefusedError:
            return
        time.sleep(POLL)
    pytest.fail(f"somebody still listens on port {port}")


def receive_head(connection: socket.socket) -> bytes:
    """Receive an HTTP request head; the tested clients send no body."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(65536)
        assert part, f"the client ended within a request: {bytes(head)!r}"
        head += part
    return bytes(head)


def respond(connection: socket.socket, status: str, body: bytes) -> None:
    """Answer an HTTP request and close the connection."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with connection:
        connection.sendall(head.encode() + body)


def serve_together(listener: socket.socket, count: int, body: bytes) -> None:
    """Answer `count` requests, none before all have arrived: a sequential client waits forever."""
    connections = [accept(listener) for _ in range(count)]
    for connection in connections:
        receive_head(connection)
    for connection in connections:
        respond(connection, "200 OK", body)
