"""The socket through which a process is asked for a dump, whatever its threads do."""

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import ask, dump, program, read_all, runtime_folder, socket_of
from support.child import run_script

from greenrt import inspect
from greenrt.inspect import snapshot

IDLE = """
greenrt.spawn(greenrt.sleep, 40)
greenrt.sleep(0)
print("ready", flush=True)
greenrt.sleep(40)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with runtime_folder() as made:
        yield made


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (IDLE, "on sleep(40 s)"),
        ("greenrt.sleep(0)\nprint('ready', flush=True)\nwhile True: pass", "running in thread"),
        # A call of C that has released the GIL, and that no signal interrupts.
        (
            "import threading\ngreenrt.sleep(0)\nprint('ready', flush=True)\nthreading.Lock().acquire(), 0\n"
            "lock = threading.Lock(); lock.acquire(); lock.acquire()",
            "running in thread",
        ),
    ],
    ids=["idle", "loop", "C call"],
)
def test_an_answer_whatever_the_hub_does(folder: Path, text: str, line: str) -> None:
    with program(text, folder) as process:
        answer = ask(socket_of(folder, process)).decode()
        head, _, body = answer.partition("\n")
        assert head == f"greenrt 1 ok {len(body)}"
        assert line in body
        found = json.loads(ask(socket_of(folder, process), b"greenrt 1 json\n").partition(b"\n")[2])
        assert found["pid"] == process.pid
        assert "main" in [each["name"] for each in found["greenlets"]]


def test_only_the_user_can_reach_it(folder: Path) -> None:
    with program(IDLE, folder) as process:
        path = socket_of(folder, process)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_gets_nothing_even_if_the_mode_allows_it(folder: Path) -> None:
    with program(IDLE, folder) as process:
        path = socket_of(folder, process)
        for each, mode in ((path, 0o666), (path.parent, 0o755), (folder, 0o755)):
            each.chmod(mode)
        before = ask(path)
        received: list[bytes] = []
        child = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.settimeout(20)
sock.connect(sys.argv[1])
try:
    sock.sendall(b"greenrt 1 text\\n")
    received = sock.recv(100)
except (BrokenPipeError, ConnectionResetError):
    received = b""
assert received == b"", received
        """
        subprocess.run([sys.executable, "-c", child, str(path)], check=True, timeout=40)
        assert received == []
        assert before.startswith(b"greenrt 1 ok")
        assert ask(path).startswith(b"greenrt 1 ok")


def test_a_folder_that_others_may_change_is_refused(folder: Path) -> None:
    (folder / "greenrt").mkdir(mode=0o755)
    (folder / "greenrt").chmod(0o755)
    with program(IDLE, folder) as process:
        # The other place is used.
        assert not socket_of(folder, process).exists()
        other = Path(f"/tmp/greenrt-{os.geteuid()}/{process.pid}.sock")
        assert ask(other).startswith(b"greenrt 1 ok")
    other.unlink()


@pytest.mark.parametrize("name", ["x" * 100, "none/there", "file"])
def test_a_runtime_folder_that_cant_be_used(folder: Path, name: str) -> None:
    (folder / "file").write_text("")
    (folder / ("x" * 100)).mkdir()
    with program(IDLE, folder / name) as process:
        done = dump(process.pid)
        assert done.stdout.startswith(f"process {process.pid}: ")
    Path(f"/tmp/greenrt-{os.geteuid()}/{process.pid}.sock").unlink()


def test_a_link_to_another_folder_is_refused(folder: Path) -> None:
    (folder / "other").mkdir(mode=0o700)
    (folder / "greenrt").symlink_to("other")
    with program(IDLE, folder) as process:
        assert list((folder / "other").iterdir()) == []
    Path(f"/tmp/greenrt-{os.geteuid()}/{process.pid}.sock").unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can use the folder of another user")
def test_the_runtime_folder_of_another_user_stays_clean(folder: Path) -> None:
    """`sudo -E` keeps the variable."""
    os.chown(folder, 65534, -1)
    with program(IDLE, folder) as process:
        assert list(folder.iterdir()) == []
        assert dump(process.pid).returncode == 0
    Path(f"/tmp/greenrt-0/{process.pid}.sock").unlink()


def test_two_listeners_at_one_place() -> None:
    run_script("""
import errno
from greenrt import inspect
with inspect.listen():
    try:
        inspect.listen()
    except OSError as error:
        assert error.errno == errno.EADDRINUSE
    else:
        raise AssertionError
with inspect.listen():
    pass
    """)


@pytest.mark.parametrize("forks", [True, False])
def test_a_daemon_that_closes_all_files_answers_again(folder: Path, forks: bool) -> None:
    text = f"""
import os, sys
greenrt.sleep(0)
if {forks} and os.fork():
    os._exit(0)
os.closerange(3, 4096)
print(f"ready\\n{{os.getpid()}}", flush=True)
greenrt.sleep(40)
    """
    with program(text, folder) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        deadline = time.monotonic() + 30
        while (done := dump(pid)).returncode and time.monotonic() < deadline:
            time.sleep(0.1)
        assert done.stdout.startswith(f"process {pid}: ")
        os.kill(pid, signal.SIGKILL)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_the_end_removes_the_file(folder: Path) -> None:
    with program("greenrt.sleep(0)\nprint('ready', flush=True)\ninput", folder) as process:
        process.wait(20)
        assert list((folder / "greenrt").iterdir()) == []


def test_what_a_killed_process_has_left_is_removed(folder: Path) -> None:
    with program(IDLE, folder) as process:
        killed = socket_of(folder, process)
    assert killed.exists()
    with program(IDLE, folder) as process:
        assert not killed.exists()
        assert ask(socket_of(folder, process))


def test_a_path(folder: Path) -> None:
    with inspect.listen(folder / "mine") as listener:
        assert listener.path == str(folder / "mine")
        assert ask(folder / "mine").startswith(b"greenrt 1 ok")
        # Another listener answers there.
        with pytest.raises(OSError) as caught:
            inspect.listen(folder / "mine")
        assert caught.value.errno == errno.EADDRINUSE
        with inspect.listen(folder) as second:
            assert second.path == str(folder / f"{os.getpid()}.sock")
            assert ask(Path(second.path)).startswith(b"greenrt 1 ok")
        assert ask(folder / "mine").startswith(b"greenrt 1 ok")
    assert listener.path == ""
    assert list(folder.iterdir()) == []
    listener.close()
    # The file of a socket whose process has ended is replaced; an ordinary file is not.
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(folder / "dead"))
    dead.close()
    with inspect.listen(folder / "dead"):
        assert ask(folder / "dead").startswith(b"greenrt 1 ok")
    (folder / "file").write_text("text")
    with pytest.raises(OSError) as caught:
        inspect.listen(folder / "file")
    assert caught.value.errno == errno.EADDRINUSE


def test_the_thread_is_not_one_of_the_programs(folder: Path) -> None:
    before = threading.enumerate()
    with inspect.listen(folder):
        assert threading.enumerate() == before
    run_script(
        """
import threading, sys
import greenrt
from greenrt import inspect
inspect.listen(sys.argv[1])
assert threading.active_count() == 1
# The thread is no reason to wait for ever: a deadlock is still found.
try:
    greenrt.Event().wait()
except greenrt.LoopExit:
    pass
else:
    raise AssertionError
        """,
        str(folder),
    )


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b"GET / HTTP/1.1\n", b"greenrt 1 error 44\nthis is no question that greenrt understands"),
        (
            b"greenrt 7 text\n",
            b"greenrt 1 error 69\nthe question is of version 7, and this process answers version 1",
        ),
        (b"greenrt 1 xml\n", b"greenrt 1 error 28\nthere is no format 'xml'"),
        (b"x" * 1000, b""),
    ],
)
def test_bad_questions(folder: Path, question: bytes, answer: bytes) -> None:
    with inspect.listen(folder) as listener:
        try:
            received = ask(Path(listener.path), question)
        except ConnectionResetError:
            received = b""
        assert received.partition(b"\n")[2] == answer.partition(b"\n")[2] or b"no question" in received
        assert ask(Path(listener.path)).startswith(b"greenrt 1 ok")


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_a_dump_that_fails_is_no_bad_question(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail() -> object:
        raise error("planned")

    with inspect.listen(folder) as listener:
        monkeypatch.setattr(snapshot, "server_stats", fail)
        _, _, text = ask(Path(listener.path)).partition(b"\n")
        assert text.decode() == f"the dump has failed: {error.__name__}: planned"
        monkeypatch.undo()
        assert ask(Path(listener.path)).startswith(b"greenrt 1 ok")


def test_an_asker_that_says_nothing_does_not_keep_others_out(folder: Path) -> None:
    with inspect.listen(folder) as listener, socket.socket(socket.AF_UNIX) as silent:
        silent.connect(listener.path)
        assert ask(Path(listener.path)).startswith(b"greenrt 1 ok")
        silent.settimeout(20)
        assert read_all(silent) == b""


# -- Forks


def test_forks_with_warnings_as_errors(folder: Path) -> None:
    """From 3.12 on, os.fork warns if the process has other threads."""
    run_script(
        """
import os, sys, time
import greenrt
from greenrt import inspect
from support.asking import ask
from support.forking import check
listener = inspect.listen(sys.argv[1])
greenrt.sleep(0)
for _ in range(30):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    check(pid)
    greenrt.sleep(0)
done = greenrt.ThreadPool(1).spawn(ask, listener.path)
assert done.get().startswith(b"greenrt 1 ok")
        """,
        str(folder),
    )


def test_a_child_answers_with_its_own_pid(folder: Path) -> None:
    text = """
import os
greenrt.sleep(0)
child = os.fork()
if child == 0:
    greenrt.sleep(0.01)
    os.write(1, b"ready\\n")
    greenrt.sleep(40)
    os._exit(0)
greenrt.sleep(40)
    """
    with program(text, folder) as process:
        parent = socket_of(folder, process)
        (child,) = set((folder / "greenrt").iterdir()) - {parent}
        for path in (parent, child):
            found = json.loads(ask(path, b"greenrt 1 json\n").partition(b"\n")[2])
            assert found["pid"] == int(path.stem)
        os.kill(int(child.stem), signal.SIGKILL)
        assert ask(parent).startswith(b"greenrt 1 ok")


def test_a_child_that_calls_exec_leaves_nothing_behind(folder: Path) -> None:
    text = """
import os, sys
greenrt.sleep(0)
child = os.fork()
if child == 0:
    os.execv("/bin/true", ["true"])
os.waitpid(child, 0)
print("ready", flush=True)
greenrt.sleep(40)
    """
    with program(text, folder) as process:
        assert list((folder / "greenrt").iterdir()) == [socket_of(folder, process)]
        assert ask(socket_of(folder, process)).startswith(b"greenrt 1 ok")


def test_in_the_middle_of_a_fork(folder: Path) -> None:
    text = """
import os, sys
greenrt.sleep(0)
os.register_at_fork(before=lambda: (print("ready", flush=True), sys.stdin.readline()))
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
greenrt.sleep(40)
    """
    with program(text, folder, stdin=subprocess.PIPE) as process:
        assert ask(socket_of(folder, process)).startswith(b"greenrt 1 ok")


# -- Trouble


def test_at_the_end_of_the_process(folder: Path) -> None:
    """The handlers of atexit run while it still answers, or it has removed its socket."""
    text = """
import atexit, sys
greenrt.sleep(0)
atexit.register(lambda: (print("ready", flush=True), sys.stdin.readline()))
    """
    with program(text, folder, stdin=subprocess.PIPE) as process:
        assert ask(socket_of(folder, process)).startswith(b"greenrt 1 ok")
        assert process.communicate("end\n", 20)[1] == ""
        assert process.returncode == 0


def test_asking_all_the_time_while_it_ends(folder: Path) -> None:
    text = "greenrt.sleep(0)\nprint('ready', flush=True)\ngreenrt.wait_read(0)"
    for _ in range(5):
        with program(text, folder, stdin=subprocess.PIPE) as process:
            path = socket_of(folder, process)
            assert ask(path).startswith(b"greenrt 1 ok")
            assert process.stdin is not None
            process.stdin.write("end\n")
            process.stdin.flush()
            while process.poll() is None:
                try:
                    ask(path)
                except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
                    time.sleep(0.001)
            assert process.returncode == 0, process.communicate()


def test_without_a_free_descriptor(folder: Path) -> None:
    text = """
import os, resource
greenrt.sleep(0)
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
taken = []
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    pass
print("ready", flush=True)
greenrt.sleep(40)
    """
    with program(text, folder) as process:
        for _ in range(3):
            answer = ask(socket_of(folder, process))
            assert answer.startswith(b"greenrt 1 ok")
            assert b"of at most 200" in answer


@pytest.mark.time_limit(120)
@pytest.mark.parametrize("dumps", [100, pytest.param(1000, marks=pytest.mark.stress)])
def test_dumps_under_load_lose_no_request(folder: Path, dumps: int) -> None:
    text = """
import socket
from greenrt.serve import WSGIServer

def app(environ, start_response):
    start_response("200 OK", [])
    greenrt.sleep(0)
    return [b"hello"]

server = WSGIServer(("127.0.0.1", 0), app)
server.start()
open(sys.argv[1] if len(sys.argv) > 1 else os.environ["PORT_FILE"], "w").write(str(server.server_port))
print("ready", flush=True)
server.serve_forever()
    """
    port_file = folder / "port"
    with program("import os, sys\n" + text, folder, PORT_FILE=str(port_file)) as process:
        port = int(port_file.read_text())
        ended = threading.Event()
        counts: list[int] = []

        def client() -> None:
            answered = 0
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.settimeout(30)
                while not ended.is_set():
                    sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    received = b""
                    while not received.endswith(b"hello") and b"hello\r\n" not in received:
                        data = sock.recv(4096)
                        if not data:
                            counts.append(-1)
                            return
                        received += data
                    answered += 1
            counts.append(answered)

        clients = [threading.Thread(target=client) for _ in range(4)]
        for each in clients:
            each.start()
        path = socket_of(folder, process)
        try:
            for _ in range(dumps):
                assert ask(path).startswith(b"greenrt 1 ok")
        finally:
            ended.set()
            for each in clients:
                each.join()
        assert len(counts) == 4
        assert min(counts) > 0


def test_many_greenlets(folder: Path) -> None:
    text = """
event = greenrt.Event()
def waits(number):
    event.wait()
many = [greenrt.spawn(waits, number) for number in range(100_000)]
greenrt.sleep(0)
print("ready", flush=True)
greenrt.sleep(40)
    """
    with program(text, folder) as process:
        began = time.monotonic()
        answer = ask(socket_of(folder, process)).decode()
        assert time.monotonic() - began < 20
        assert answer.startswith("greenrt 1 ok")
        assert "100000 greenlets parked" in answer
        assert len(answer.splitlines()) < 200


# -- The environment


@pytest.mark.parametrize(("value", "listens"), [("0", False), ("", False), ("1", True)])
def test_the_variable(folder: Path, value: str, listens: bool) -> None:
    with program(IDLE, folder, GREENRT_INSPECT=value) as process:
        assert socket_of(folder, process).exists() is listens


def test_the_variable_with_a_path(folder: Path) -> None:
    with program(IDLE, folder, GREENRT_INSPECT=str(folder / "here")):
        assert ask(folder / "here").startswith(b"greenrt 1 ok")


def test_a_wrong_variable() -> None:
    _, errors = run_script("import greenrt; greenrt.sleep(0)", code=1, GREENRT_INSPECT="yes")
    assert errors.endswith("GREENRT_INSPECT is 'yes'; use 1, 0, or an absolute path for the socket\n")


def test_a_path_that_cant_be_used_is_logged(folder: Path) -> None:
    _, errors = run_script(
        "import greenrt; greenrt.sleep(0)", GREENRT_INSPECT=str(folder / "none" / "socket")
    )
    assert "GREENRT_INSPECT: `greenrt dump` can't ask this process" in errors
