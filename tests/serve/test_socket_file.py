"""The file of a Unix socket: a server replaces only a dead socket, and removes only its own."""

import fcntl
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.child import environment, run_script

import greenrt
from greenrt.green import socket as green
from greenrt.serve import DatagramServer, StreamServer

KINDS = [StreamServer, DatagramServer]


def ignore(*args: Any) -> None:
    pass


@pytest.fixture
def path(tmp_path: Path) -> Iterator[str]:
    # The path of a socket has at most 107 bytes.
    before = os.getcwd()
    os.chdir(tmp_path)
    yield "s"
    os.chdir(before)


def make_file(path: str) -> Any:
    Path(path).write_text("kept")


def make_link(path: str) -> Any:
    Path("target").write_text("kept")
    os.symlink("target", path)


def make_link_to_a_dead_socket(path: str) -> Any:
    socket.socket(socket.AF_UNIX).bind("dead")
    os.symlink("dead", path)


def make_broken_link(path: str) -> Any:
    os.symlink("nothing", path)


def make_live_socket(path: str) -> Any:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen()
    return [sock]


def make_full_socket(path: str) -> Any:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen(0)
    clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(path)
    return [sock, *clients]


def make_live_datagram_socket(path: str) -> Any:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    return [sock]


KEPT = [
    make_file,
    os.mkdir,
    os.mkfifo,
    make_link,
    make_link_to_a_dead_socket,
    make_broken_link,
    make_live_socket,
    make_full_socket,
    make_live_datagram_socket,
]


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", KEPT, ids=lambda make: make.__name__)
def test_what_is_no_dead_socket_is_kept(path: str, make: Callable[[str], Any], kind: Any) -> None:
    sockets = make(path) or []
    before = os.lstat(path)
    server = kind(f"unix:{path}", ignore)
    with pytest.raises(OSError, match="'s'"):
        server.start()
    assert os.lstat(path).st_ino == before.st_ino
    assert server.closed
    server.close()
    assert os.path.lexists(path)
    for sock in sockets:
        sock.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_dead_socket_is_replaced_and_the_own_one_removed(path: str, kind: Any) -> None:
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if kind is StreamServer else socket.SOCK_DGRAM)
    dead.bind(path)
    dead.close()
    with kind(f"unix:{path}", ignore) as server:
        assert server.started
        assert os.path.lexists(path)
    assert not os.path.lexists(path)
    # A server can be started again.
    server.start()
    server.stop()
    assert not os.path.lexists(path)


@pytest.mark.parametrize("given", ["s", "folder/s"])
def test_a_server_that_is_bound_and_about_to_listen_keeps_its_file(path: str, given: str) -> None:
    """Its socket looks like a dead one: another server that starts waits until it listens."""
    os.mkdir("folder")
    directory = os.open(os.path.dirname(given) or ".", os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    with socket.socket(socket.AF_UNIX) as first:
        first.bind(given)
        server = StreamServer(f"unix:{given}", ignore)
        starting = greenrt.spawn(server.start)
        greenrt.sleep(0.05)
        assert not starting.ready()
        first.listen()
        os.close(directory)
        with pytest.raises(OSError, match="server that is running"):
            starting.get(timeout=10)
        assert os.path.lexists(given)


def test_of_many_starters_one_has_the_path(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    script = """
        import sys
        from greenrt.serve import StreamServer
        server = StreamServer("unix:s", lambda sock, address: sock.sendall(sys.argv[1].encode()))
        sys.stdin.read()
        try:
            server.start()
        except OSError:
            print("refused", flush=True)
        else:
            print("started", flush=True)
            server.serve_forever()
        """
    reader, writer = os.pipe()
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(number)],
            stdin=reader,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        for number in range(4)
    ]
    os.close(reader)
    os.close(writer)
    try:
        said = [starter.stdout.readline() for starter in starters if starter.stdout]
        assert sorted(said) == ["refused\n"] * 3 + ["started\n"]
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            assert said[int(client.recv(1))] == "started\n"
    finally:
        for starter in starters:
            starter.kill()
            starter.communicate()


def test_a_lock_of_another_program_on_the_directory_does_not_keep_a_server_from_its_start(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenrt.serve.socket_file.PATIENCE", 0.05)
    directory = os.open(".", os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    with StreamServer(f"unix:{path}", ignore) as server:
        assert server.started
    os.close(directory)


def test_the_path_is_that_of_the_start_whatever_the_directory_is_now(path: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with StreamServer(f"unix:{path}", ignore):
        os.chdir(tmp_path / "elsewhere")
        Path(path).write_text("another file of that name")
    assert Path(path).exists()
    assert not (tmp_path / path).exists()


def test_the_file_of_another_server_is_left(path: str) -> None:
    with StreamServer(f"unix:{path}", ignore):
        os.unlink(path)
        (other,) = make_live_socket(path)
    assert os.path.lexists(path)
    other.close()


def test_a_file_that_is_gone_is_no_error(path: str) -> None:
    with StreamServer(f"unix:{path}", ignore):
        os.unlink(path)


def test_a_socket_that_was_given_keeps_its_file(path: str) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen()
    with StreamServer(sock, ignore):
        pass
    assert os.path.lexists(path)


def test_the_child_of_a_fork_leaves_the_file(tmp_path: Path) -> None:
    run_script(
        """
        import os, sys
        os.chdir(sys.argv[1])
        from greenrt.serve import StreamServer
        server = StreamServer("unix:s", print)
        server.start()
        pid = os.fork()
        if not pid:
            server.stop()
            os._exit(0)
        os.waitpid(pid, 0)
        assert os.path.lexists("s")
        server.stop()
        assert not os.path.lexists("s")
        """,
        str(tmp_path),
    )


def test_abstract_names_have_no_file(path: str) -> None:
    name = f"\0greenrt-{os.getpid()}"
    with StreamServer(f"unix:{name}", lambda sock, address: sock.sendall(b"here")):
        with green.socket(socket.AF_UNIX) as client:
            client.connect(name)
            assert client.recv(4) == b"here"
    assert os.listdir(".") == []


@pytest.mark.parametrize("given", ["x" * 200, "no/such/folder/s"])
def test_paths_that_cannot_be(path: str, given: str) -> None:
    with pytest.raises(OSError, match=given[:20]):
        StreamServer(f"unix:{given}", ignore).start()
