"""Workers of gunicorn's that `greenrt dump` asks, with GREENRT_INSPECT=1."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from support.asking import dump, runtime_folder
from support.gunicorn import gunicorn, until

PROGRAM = """
import os, time

def app(environ, start_response):
    while environ["PATH_INFO"] == "/wait" and not os.path.exists("end"):
        time.sleep(0.05)
    start_response("200 OK", [])
    return [b"hello"]
"""


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["", "preload"])
def test_workers_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]) -> None:
    with runtime_folder() as folder:
        monkeypatch.setenv("GREENRT_INSPECT", "1")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        with gunicorn(tmp_path, PROGRAM, "-w", "2", "--graceful-timeout", "30", *options) as (
            process,
            address,
        ):
            workers = until(lambda: len(list(folder.glob("greenrt/*.sock"))) == 2 and children(process.pid))
            assert len(workers) == 2
            port = int(address.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
                texts = until(
                    lambda: having([dump(each) for each in workers], "answers GET /wait from 127.0.0.1:")
                )
            assert all("1 server:" in text for text in texts)
            # gunicorn's own meaning of the signal, to reopen its logs, stays.
            for each in workers:
                os.kill(each, signal.SIGUSR1)
            assert [dump(each).returncode for each in workers] == [0, 0]
            # The next worker removes what a killed one has left.
            os.kill(workers[0], signal.SIGKILL)
            until(lambda: len(set(children(process.pid)) - set(workers)) == 1)
            (new,) = set(children(process.pid)) - set(workers)
            until(lambda: dump(new).returncode == 0)
            assert not (folder / "greenrt" / f"{workers[0]}.sock").exists()
            # A worker that does not end in time is killed, and leaves its socket.
            (tmp_path / "end").touch()
        assert list(folder.glob("greenrt/*.sock")) == []


def having(found: list[subprocess.CompletedProcess[str]], text: str) -> list[str]:
    """Return the texts of all dumps if one of them contains `text`."""
    texts = [each.stdout for each in found]
    return texts if any(text in each for each in texts) else []
