"""`greenrt dump`: each process that can't be asked gets a line that says why, and exit code 1."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.asking import dump, program, read_all, runtime_folder, socket_of
from support.child import environment, run_script

from greenrt.cli.other_process import OtherProcess, Refusal
from greenrt.inspect.protocol import folders

IDLE = """
def stuck():
    greenrt.Event().wait(40)
greenrt.spawn(stuck)
greenrt.sleep(0)
print("ready", flush=True)
greenrt.sleep(40)
"""
WITHOUT_SOCKET = f"import greenrt\n{IDLE}"


@pytest.fixture
def folder() -> Iterator[Path]:
    with runtime_folder() as made:
        yield made


def refused(*arguments: object) -> str:
    """Return the line with which the command refuses."""
    done = dump(*arguments)
    assert (done.returncode, done.stdout) == (1, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("greenrt: ")
    return line.removeprefix("greenrt: ")


def test_text_and_json(folder: Path) -> None:
    with program(IDLE, folder) as process:
        done = dump(process.pid)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"process {process.pid}: 2 greenlets")
        assert "in stuck" in done.stdout
        found = json.loads(dump("--json", process.pid).stdout)
        assert {each["function"] for each in found["greenlets"]} == {"", "stuck"}
        assert found["fd_limit"] > 0
        assert dump(socket_of(folder, process)).stdout.startswith(f"process {process.pid}")


@pytest.mark.parametrize("name", ["socket", "."])
def test_the_variable_with_a_path(folder: Path, name: str) -> None:
    text = f"import os\nif os.fork(): os.wait()\n{IDLE}"
    with program(text, folder, GREENRT_INSPECT=str(folder / name)) as process:
        (child,) = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
        assert dump(child).stdout.startswith(f"process {child}: 2 greenlets")
        os.kill(child, signal.SIGKILL)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert dump(process.pid).stdout.startswith(f"process {process.pid}: 2 greenlets")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_process_that_has_given_up_its_privileges(folder: Path) -> None:
    text = "import os\ngreenrt.sleep(0)\nos.setgid(65534); os.setuid(65534)" + IDLE
    for XDG_RUNTIME_DIR in ("", str(folder)):
        with program(text, folder, XDG_RUNTIME_DIR=XDG_RUNTIME_DIR) as process:
            done = dump(process.pid)
            assert done.stdout.startswith(f"process {process.pid}: 2 greenlets"), done
    Path(f"/tmp/greenrt-0/{process.pid}.sock").unlink(missing_ok=True)


def test_a_process_in_a_container() -> None:
    """It has other numbers of processes, and another /tmp."""
    unshare = ["unshare", "--pid", "--mount", "--fork", "--mount-proc"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("the system makes no namespaces for this user")
    command = 'mkdir -p -m 700 "$2"; mount -t tmpfs -o mode=700 none "$2" && exec "$0" -c "$1"'
    with subprocess.Popen(
        [
            *unshare,
            "sh",
            "-c",
            command,
            sys.executable,
            f"import greenrt\n{IDLE}",
            folders(os.geteuid(), None)[0],
        ],
        env=environment(GREENRT_INSPECT="1", XDG_RUNTIME_DIR=""),
        stdout=subprocess.PIPE,
        text=True,
    ) as outer:
        assert outer.stdout is not None
        assert outer.stdout.readline() == "ready\n"
        (inner,) = map(int, Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split())
        done = dump(inner)
        os.kill(inner, signal.SIGKILL)
        assert (done.returncode, done.stderr) == (0, "")
        assert ": 2 greenlets" in done.stdout


def test_watch_goes_on_until_the_process_ends(folder: Path) -> None:
    with program(IDLE, folder) as process:
        command = [sys.executable, "-m", "greenrt", "dump", "--watch", "0.05", str(process.pid)]
        with subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watching:
            assert watching.stdout is not None
            assert watching.stderr is not None
            heads = 0
            while heads < 3:
                heads += watching.stdout.readline().startswith(f"process {process.pid}: ")
            process.kill()
            _, errors = watching.communicate(timeout=20)
            assert watching.returncode == 1
            assert len(errors.splitlines()) == 1
            assert f"process {process.pid}" in errors


def test_run_and_serve_listen(folder: Path) -> None:
    (folder / "script.py").write_text(f"import greenrt\n{IDLE}")
    (folder / "application.py").write_text(
        "def app(environ, start_response): pass\nprint('ready', flush=True)"
    )
    for arguments in (
        ["run", "script.py"],
        ["serve", "--bind", "127.0.0.1:0", "application:app"],
    ):
        with subprocess.Popen(
            [sys.executable, "-m", "greenrt", *arguments],
            cwd=folder,
            env=environment(XDG_RUNTIME_DIR=str(folder)),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline() == "ready\n"
                if arguments[0] == "serve":
                    process.stdout.readline()
                done = dump(process.pid)
                assert done.returncode == 0, done
                if arguments[0] == "serve":
                    assert "1 server:" in done.stdout
                    assert "accepts, 0 connections" in done.stdout
            finally:
                process.kill()


# -- Bad input


@pytest.mark.parametrize("pid", ["0", str((1 << 22) - 1), str(1 << 22), "1" + "0" * 30, "9" * 5000])
def test_no_such_process(pid: str) -> None:
    assert refused(pid) == f"there is no process {pid}"


@pytest.mark.parametrize("word", ["x", "-1x", "1.5", "\u0661"])
def test_no_number(word: str) -> None:
    assert refused("--", word).endswith("is no process number, and no path of a socket")


def test_a_process_that_has_ended() -> None:
    with subprocess.Popen(["/bin/true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert "has ended" in refused(process.pid)


def test_a_thread() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    line = refused(thread.native_id)
    ended.set()
    thread.join()
    assert line == f"{thread.native_id} is a thread of process {os.getpid()}; ask that"


def test_not_python() -> None:
    with subprocess.Popen(["/bin/sleep", "40"]) as process:
        assert refused(process.pid).endswith(f"runs {os.path.realpath('/bin/sleep')}, not Python")
        process.kill()


def test_python_without_greenrt() -> None:
    text = "print('ready', flush=True); import time; time.sleep(40)"
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert refused(process.pid) == f"process {process.pid} runs Python without greenrt"
        process.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_users_process() -> None:
    output, _ = run_script("""
import os, sys
from greenrt.cli import dump
# The other user may not be able to import.
dump._parser()
os.setgid(65534)
os.setuid(65534)
sys.stderr = sys.stdout
assert dump.dump(["1"]) == 1
    """)
    assert output == "greenrt: process 1 belongs to user root; ask as that user, or as root\n"


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="from 3.14 on there is another way to ask")
def test_without_a_socket(folder: Path) -> None:
    with program(WITHOUT_SOCKET, folder, listens=False) as process:
        line = refused(process.pid)
    assert line.startswith(f"process {process.pid} has no socket to ask; start it with GREENRT_INSPECT=1")


def test_another_version_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    process = OtherProcess(os.getpid())
    maps = b"7f00 r-xp /lib/greenlet/_greenlet.cpython-3%d-x86_64-linux-gnu.so\n"
    other = max(14, sys.version_info.minor) + 1
    monkeypatch.setattr(OtherProcess, "_maps", lambda _: maps % other)
    with pytest.raises(Refusal, match=f"runs Python 3.{other}: only the `greenrt` of that version"):
        process.check_same_python()
    monkeypatch.setattr(OtherProcess, "_maps", lambda _: maps % 13)
    with pytest.raises(Refusal, match="has no socket to ask; start it with"):
        process.check_same_python()


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (b"greenrt 2 ok 3\nabc", "speaks version 2 of greenrt's protocol"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "answers, but not as greenrt does"),
        (b"greenrt 1 error 4\noops", "oops"),
        (b"greenrt 1 ok 30\nabc", "has ended the connection without an answer"),
        (b"", "has ended the connection without an answer"),
    ],
)
def test_other_answers(folder: Path, answer: bytes, line: str) -> None:
    path = folder / "other"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def answers() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                read_all(connection)

        thread = threading.Thread(target=answers)
        thread.start()
        assert line in refused(path)
        thread.join()


def test_a_closed_and_a_full_stdout_and_a_reader_that_leaves(folder: Path) -> None:
    with program(f"many = [greenrt.spawn(greenrt.sleep, 60) for _ in range(500)]\n{IDLE}", folder) as process:
        command = [sys.executable, "-m", "greenrt", "dump", "--json", str(process.pid)]
        for redirection, code, line in (
            (">&-", 1, "greenrt: stdout is closed\n"),
            (">/dev/full", 1, "greenrt: [Errno 28] No space left on device\n"),
        ):
            for unbuffered in ("", "1"):
                done = subprocess.run(
                    ["sh", "-c", f'exec "$@" {redirection}', "sh", *command],
                    env=environment(PYTHONUNBUFFERED=unbuffered),
                    stderr=subprocess.PIPE,
                    text=True,
                )
                assert (done.returncode, done.stderr) == (code, line)
        for unbuffered in ("", "1"):
            with subprocess.Popen(
                command, env=environment(PYTHONUNBUFFERED=unbuffered), stdout=subprocess.PIPE
            ) as leaves:
                assert leaves.stdout is not None
                leaves.stdout.read(1)
                leaves.stdout.close()
                assert leaves.wait(30) == 128 + signal.SIGPIPE


def test_a_path_without_a_listener(folder: Path) -> None:
    assert refused("./a\n\x1b") == "no process listens at ./a\\n\\x1b"
    assert refused(folder / "none").startswith("no process listens at")
    (folder / "file").write_text("")
    assert refused(folder / "file").startswith("no process listens at")
    assert "AF_UNIX path too long" in refused("/" + "x" * 200)


def test_a_socket_that_another_process_has_put_there(folder: Path) -> None:
    """The number of a process may be used again, and the place in /tmp be another user's."""
    with program(IDLE, folder) as process:
        path = socket_of(folder, process)
        with subprocess.Popen(["/bin/sleep", "40"], env={"XDG_RUNTIME_DIR": str(folder)}) as other:
            path.rename(path.with_name(f"{other.pid}.sock"))
            assert "not Python" in refused(other.pid)
            other.kill()


def test_a_stopped_process(folder: Path) -> None:
    with program(IDLE, folder) as process:
        process.send_signal(signal.SIGSTOP)
        line = refused("--timeout", "0.5", process.pid)
        assert line.startswith(f"process {process.pid} has not answered in time")
        process.send_signal(signal.SIGCONT)
        assert dump(process.pid).returncode == 0


def test_wrong_arguments() -> None:
    for arguments in ([], ["--watch", "x", "1"], ["--timeout", "-1", "1"], ["--timeout", "nan", "1"]):
        assert dump(*arguments).returncode == 2


def test_the_folders() -> None:
    assert folders(7, "/run/user/7") == ["/run/user/7/greenrt", "/tmp/greenrt-7"]
    assert folders(7, None) == folders(7, "relative") == ["/tmp/greenrt-7"]


# -- Without a socket, from 3.14 on


@pytest.mark.skipif(sys.version_info < (3, 14), reason="sys.remote_exec is new in 3.14")
class TestRemote:
    BUSY = WITHOUT_SOCKET.replace("greenrt.sleep(40)", "while True: greenrt.sleep(0.001)")
    WAITING = """
import greenrt, sys, time
print("ready", flush=True)
sys.stdin.readline()
print("awake", flush=True)
time.sleep(40)
    """

    def test_a_busy_process(self, folder: Path) -> None:
        with program(self.BUSY, folder, listens=False, TMPDIR=str(folder)) as process:
            done = dump(process.pid)
            assert (done.returncode, done.stderr) == (0, "")
            assert "in stuck" in done.stdout
            found = json.loads(dump("--json", process.pid).stdout)
            assert found["pid"] == process.pid

    def test_a_process_that_waits(self, folder: Path) -> None:
        with program(self.WAITING, folder, listens=False, stdin=subprocess.PIPE) as process:
            line = refused("--timeout", "0.3", process.pid)
            assert "has not reached Python code in time" in line
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("wake up\n")
            process.stdin.flush()
            # The script runs later, and prints nothing.
            assert process.stdout.readline() == "awake\n"
            process.kill()
            assert process.communicate()[1] == ""

    def test_it_is_disabled(self, folder: Path) -> None:
        with program(self.BUSY, folder, listens=False, PYTHON_DISABLE_REMOTE_DEBUG="1") as process:
            assert "does not let sys.remote_exec in" in refused(process.pid)
