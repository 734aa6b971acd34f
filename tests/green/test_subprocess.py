"""Green `subprocess`: CPython's code over green calls. Others run while a greenlet waits for a child or its pipes."""

import errno
import os
import subprocess as stdlib_subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest

import greenrt
from greenrt.green import os as green_os
from greenrt.green import subprocess

SLOW = "sleep 0.1; "


def waited(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the result of a call, after a check that other greenlets ran meanwhile."""
    waiter = greenrt.spawn(function, *args, **kwargs)
    turns = 0
    while not waiter.dead:
        # Let the first turns run one after the other: if the machine stalls, the child may end during any sleep.
        greenrt.sleep(0.005 if turns > 3 else 0)
        turns += 1
    assert turns > 2
    return waiter.get()


@pytest.mark.parametrize("text", [False, True])
def test_output(text: bool) -> None:
    found = waited(subprocess.check_output, SLOW + "echo hello", shell=True, text=text)
    assert found == ("hello\n" if text else b"hello\n")


def test_input_and_both_outputs() -> None:
    data = b"x" * 300_000
    done = waited(
        subprocess.run, ["sh", "-c", SLOW + "cat; echo done >&2; exit 3"], input=data, capture_output=True
    )
    assert (done.stdout, done.stderr, done.returncode) == (data, b"done\n", 3)
    assert isinstance(done, stdlib_subprocess.CompletedProcess)


def test_one_pipe_in_and_no_way_out() -> None:
    done = waited(
        subprocess.run, ["sh", "-c", SLOW + "cat >/dev/null"], input=b"x" * 300_000, stdout=subprocess.DEVNULL
    )
    assert done.returncode == 0


def test_lines_as_they_come() -> None:
    command = ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.03; done"]

    def read() -> list[str]:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            return list(process.stdout)

    assert waited(read) == ["1\n", "2\n", "3\n"]


def test_a_timeout_of_wait() -> None:
    with subprocess.Popen(["sleep", "30"]) as process:
        with pytest.raises(stdlib_subprocess.TimeoutExpired, match=r"timed out after 0\.02 seconds"):
            process.wait(timeout=0.02)
        assert process.poll() is None
        process.kill()
        assert process.wait() == process.wait(timeout=0) == -9


def test_a_wait_calls_the_pidfd_open_that_is_in_os(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def full(pid: int, flags: int = 0) -> int:
        asked.append(pid)
        raise OSError(errno.EMFILE, "no free fd")

    monkeypatch.setattr(os, "pidfd_open", full)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        with pytest.raises(stdlib_subprocess.TimeoutExpired):
            process.wait(timeout=0.001)
        process.stdin.close()
        assert process.wait(timeout=20) == 0
        assert asked
        assert set(asked) == {process.pid}


def test_a_replaced_pidfd_open_may_wait_for_children(monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.pidfd_open

    def slow(pid: int, flags: int = 0) -> int:
        fd = original(pid, flags)
        assert green_os.waitpid(pid, 0) == (pid, 0)
        return fd

    monkeypatch.setattr(os, "pidfd_open", slow)
    with subprocess.Popen(["sleep", "0.1"]) as process:
        # If other code has reaped a child, CPython's code counts it as successful.
        assert process.wait(timeout=20) == 0


@pytest.mark.skipif(not hasattr(stdlib_subprocess.Popen, "_wait_pidfd"), reason="a step of 3.15's wait")
def test_a_subclass_replaces_the_wait_for_the_pidfd() -> None:
    left = []

    class Early(subprocess.Popen[bytes]):
        def _wait_pidfd(self, timeout: float) -> bool:
            left.append(timeout)
            return True

    with Early(["cat"], stdin=subprocess.PIPE) as process:
        with pytest.raises(stdlib_subprocess.TimeoutExpired, match=r"timed out after 0\.01 seconds"):
            process.wait(timeout=0.01)
        process.stdin.close()
        assert process.wait(timeout=20) == 0
        assert len(left) == 2
        assert left[0] <= 0.01 < left[1] <= 20


def test_communicate_goes_on_after_a_timeout() -> None:
    command = ["sh", "-c", "read line; sleep 1; echo $line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        with pytest.raises(stdlib_subprocess.TimeoutExpired):
            process.communicate(b"hello\n", timeout=0.02)
        assert process.communicate(timeout=20) == (b"hello\n", None)


def test_several_wait_for_one() -> None:
    with subprocess.Popen("sleep 0.05; exit 3", shell=True) as process:
        waiters = [greenrt.spawn(process.wait) for _ in range(3)]
        waiters.append(greenrt.spawn(process.wait, 20))
        assert [waiter.get() for waiter in waiters] == [3] * 4


def test_a_killed_waiter_leaves_the_child_to_others() -> None:
    with subprocess.Popen("sleep 0.05; exit 3", shell=True) as process:
        waiter = greenrt.spawn(process.wait)
        greenrt.sleep(0.01)
        waiter.kill()
        assert process.wait() == 3


def test_from_native_threads() -> None:
    found = []

    def run() -> None:
        found.append(subprocess.run(["cat"], input=b"x" * 100_000, capture_output=True, timeout=20).stdout)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"x" * 100_000] * 3


def test_many_at_once() -> None:
    jobs = [greenrt.spawn(subprocess.call, f"sleep 0.05; exit {n}", shell=True) for n in range(30)]
    assert [job.get() for job in jobs] == list(range(30))


def test_errors_are_the_standard_ones() -> None:
    with pytest.raises(FileNotFoundError):
        subprocess.run(["/no/such/program"])
    with pytest.raises(stdlib_subprocess.CalledProcessError):
        subprocess.check_call("exit 1", shell=True)
    assert subprocess.getstatusoutput("echo hello; exit 2") == (2, "hello")
    assert issubclass(subprocess.Popen, stdlib_subprocess.Popen)
    assert subprocess.Popen[bytes]
