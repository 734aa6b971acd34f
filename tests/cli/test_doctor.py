"""``greenrt doctor``: the versions, what patching did not reach, and what blocks; with and without a program."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.child import environment, run_script

import greenrt

COMMAND = "import sys; sys.argv[0] = 'greenrt'; from greenrt.cli.main import main; main()"


def greenrt_doctor(*arguments: str, code: int = 0) -> tuple[str, str]:
    return run_script(COMMAND, "doctor", *arguments, code=code)


def test_without_a_program() -> None:
    out, _ = greenrt_doctor()
    first, *rest = out.splitlines()
    assert first.startswith(f"greenrt {greenrt.__version__} ({greenrt.__build__}), "), first
    assert f" {sys.version.split()[0]}, greenlet " in first, first
    assert ", pycares " in first, first
    assert any(line.startswith("patched: socket: ") for line in rest), rest


def test_a_program(tmp_path: Path) -> None:
    """The program gets its arguments, doctor returns its exit code, and the report follows its output."""
    (tmp_path / "pyodbc.py").write_text("")
    script = tmp_path / "program.py"
    script.write_text("import sys, pyodbc\nprint(sys.argv[1:], __name__)\nsys.exit(3)\n")
    out, _ = greenrt_doctor(str(script), "one", "-m", code=3)
    lines = out.splitlines()
    assert lines[0] == "['one', '-m'] __main__"
    assert lines[1].startswith("greenrt ")
    assert "beware: pyodbc: call it by get_hub().threadpool.apply(function, args)" in lines


def test_locks_on_files_that_a_program_waits_for(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import fcntl, os, struct\n"
        "fd = os.open(__file__, os.O_RDWR)\n"
        "fcntl.flock(fd, fcntl.LOCK_EX)\n"
        "fcntl.flock(fd, fcntl.LOCK_UN)\n"
        "fcntl.lockf(fd, fcntl.LOCK_SH)\n"
        "fcntl.fcntl(fd, fcntl.F_SETLKW, struct.pack('hhlli4x', fcntl.F_UNLCK, 0, 0, 0, 0))\n"
        "os.lockf(fd, os.F_LOCK, 1)\n"
    )
    out, _ = greenrt_doctor("--check", str(script), code=1)
    found = [line.split(": ")[1] for line in out.splitlines() if "waits for other processes in C" in line]
    assert found == [
        f"fcntl.fcntl with F_SETLKW at {script}:6",
        f"fcntl.flock at {script}:3",
        f"fcntl.lockf at {script}:5",
        f"os.lockf at {script}:7",
    ]


def test_locks_that_are_asked_for_without_a_wait_are_no_findings(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import fcntl\nfile = open(__file__, 'r+')\nfcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\nfcntl.fcntl(file, fcntl.F_GETFD)\n"
    )
    out, _ = greenrt_doctor(str(script))
    assert "waits for other processes" not in out


@pytest.mark.parametrize("rival", ["gevent", "eventlet"])
def test_another_runtime_that_a_program_imports(rival: str, tmp_path: Path) -> None:
    (tmp_path / f"{rival}.py").write_text("")
    script = tmp_path / "program.py"
    script.write_text(f"import {rival}\n")
    out, _ = greenrt_doctor("--check", str(script), code=1)
    (line,) = [line for line in out.splitlines() if line.startswith(f"beware: {rival}: ")]
    assert "a runtime of its own" in line
    assert "its patching is refused" in line


def test_what_was_not_reached() -> None:
    out, _ = run_script("""
        import logging, sys, types
        module = types.ModuleType("early")
        from _thread import allocate_lock
        module.lock = allocate_lock()
        module.lock.acquire()
        sys.modules["early"] = module
        from greenrt import monkey
        monkey.patch_all()
        from greenrt.cli.doctor import diagnose
        print(*diagnose(), sep="\\n")
    """)
    assert "not made green, since it is held: the lock early.lock" in out.splitlines(), out


def test_the_child_of_a_fork_writes_none(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import os, sys\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\nsys.modules['zmq'] = os\n"
    )
    out, _ = greenrt_doctor(str(script))
    assert out.count("beware: zmq: ") == 1, out


ENDS = {
    "os._exit(5)": 5,
    "os.kill(os.getpid(), signal.SIGKILL)": 128 + signal.SIGKILL,
    "os.killpg(0, signal.SIGTERM)": 128 + signal.SIGTERM,
    "signal.pthread_kill(threading.get_ident(), signal.SIGTERM)": 128 + signal.SIGTERM,
    "signal.raise_signal(signal.SIGTERM)": 128 + signal.SIGTERM,
    "os.abort()": 128 + signal.SIGABRT,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_program_that_ends_at_once(tmp_path: Path, end: str) -> None:
    """The report has its imports anyway."""
    (tmp_path / "pyodbc.py").write_text("")
    script = tmp_path / "program.py"
    group = "os.setpgid(0, 0)\n" if "killpg" in end else ""
    script.write_text(f"import os, signal, threading, pyodbc\n{group}{end}\n")
    out, _ = greenrt_doctor(str(script), code=ENDS[end])
    assert "beware: pyodbc: call it by get_hub().threadpool.apply(function, args)" in out.splitlines()
    assert ("the program was killed by SIG" in out) == (ENDS[end] > 128), out
    assert out.splitlines()[-1].startswith("verdict: "), out


def test_a_program_that_another_process_kills(tmp_path: Path) -> None:
    (tmp_path / "pyodbc.py").write_text("")
    script = tmp_path / "program.py"
    script.write_text(
        "import os, time, pyodbc\ntime.sleep(0.5)\nprint(os.getpid(), flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "doctor", str(script)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        os.kill(int(process.stdout.readline()), signal.SIGKILL)
        out, _ = process.communicate(timeout=40)
    assert process.returncode == 128 + signal.SIGKILL
    assert "beware: pyodbc: " in out, out


def test_the_verdict_and_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "pyodbc.py").write_text("")
    good, bad, failing = tmp_path / "good.py", tmp_path / "bad.py", tmp_path / "failing.py"
    good.write_text("")
    bad.write_text("import pyodbc\n")
    failing.write_text("import pyodbc, sys\nsys.exit(7)\n")
    out, _ = greenrt_doctor("--check", str(good))
    assert out.splitlines()[-1].startswith(
        "verdict: as far as can be seen, everything that blocks was patched"
    ), out
    out, _ = greenrt_doctor(str(bad))
    assert out.splitlines()[-1].startswith("verdict: 1 thing needs attention"), out
    greenrt_doctor("--check", str(bad), code=1)
    greenrt_doctor("--check", str(failing), code=7)
    out, _ = greenrt_doctor("--check")
    assert out.splitlines()[-1].startswith("verdict: "), out


def test_an_interrupted_program(tmp_path: Path) -> None:
    """As for Ctrl-C at a terminal, both processes get the signal, and the report is written."""
    script = tmp_path / "program.py"
    script.write_text("import time\nprint('here', flush=True)\ntime.sleep(60)\n")
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "doctor", str(script)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=40)
    assert process.returncode == 128 + signal.SIGINT, err
    assert out.startswith("greenrt "), (out, err)
    assert err.endswith("KeyboardInterrupt\n"), err


def test_usage_and_wrong_options() -> None:
    out, _ = greenrt_doctor("--help")
    assert out.startswith("usage: greenrt doctor ")
    _, err = greenrt_doctor("--what", code=2)
    assert "greenrt doctor has no option --what" in err, err
