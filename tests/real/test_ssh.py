"""paramiko against sshd: a transport reads in a thread of its own, and hands what comes to the channels."""

from pathlib import Path

import pytest
from support.program import needs, run_patched
from support.servers import Ssh

pytestmark = [pytest.mark.real, needs("paramiko", "paramiko")]

CONNECT = """
    import paramiko
    def connect():
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect("127.0.0.1", int(sys.argv[1]), username=sys.argv[2], key_filename=sys.argv[3],
                       allow_agent=False, look_for_keys=False, timeout=30)
        return client
    def run(client, command):
        _, out, _ = client.exec_command(command)
        text = out.read().decode()
        return text.strip(), out.channel.recv_exit_status()
"""


def test_slow_commands_at_once(ssh: Ssh, tmp_path: Path) -> None:
    """Fifty commands over five connections."""
    run_patched(
        CONNECT
        + """
    with concurrent.futures.ThreadPoolExecutor(5) as threads:
        clients = list(threads.map(lambda _: connect(), range(5)))
    results, times = at_once(lambda n: run(clients[n % 5], f"sleep 2; echo {n}; exit {n}"))
    assert results == [(str(n), n) for n in range(50)], results
    assert times < 3, times
    for client in clients:
        client.close()
    """,
        tmp_path,
        ssh.port,
        ssh.user,
        ssh.key,
    )


def test_files_both_ways(ssh: Ssh, tmp_path: Path) -> None:
    """Five transfers at once over one connection, each larger than the window of its channel."""
    run_patched(
        CONNECT
        + """
    import hashlib, io, os
    client = connect()
    def transfer(n):
        data = os.urandom(3_000_000)
        name = os.path.join(sys.argv[4], f"file {n}")
        with client.open_sftp() as sftp:
            sftp.putfo(io.BytesIO(data), name)
            back = io.BytesIO()
            sftp.getfo(name, back)
        with open(name, "rb") as file:
            assert file.read() == data
        return back.getvalue() == data
    with concurrent.futures.ThreadPoolExecutor(5) as threads:
        assert all(threads.map(transfer, range(5)))
    client.close()
    """,
        tmp_path,
        ssh.port,
        ssh.user,
        ssh.key,
        tmp_path,
    )


def test_kill_and_timeout_leave_the_connection_usable(ssh: Ssh, tmp_path: Path) -> None:
    run_patched(
        CONNECT
        + """
    import greenrt
    client = connect()
    for _ in range(3):
        waiters = [greenrt.spawn(run, client, "sleep 30") for n in range(5)]
        greenrt.sleep(0.3)
        greenrt.killall(waiters)
        try:
            with greenrt.Timeout(0.2):
                run(client, "sleep 30")
            raise AssertionError
        except greenrt.Timeout:
            pass
        jobs = [greenrt.spawn(run, client, f"echo {n}") for n in range(10)]
        assert [job.get() for job in jobs] == [(str(n), 0) for n in range(10)]
    client.close()
    """,
        tmp_path,
        ssh.port,
        ssh.user,
        ssh.key,
    )
