"""Private servers for tests: each in a fresh folder, on free ports of 127.0.0.1, and stopped at the end.

A test is skipped if the program of its server is not installed; the reason names Debian's package.
"""

import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.ports import free_ports

__all__ = ["Ssh", "mariadb", "postgres", "rabbitmq", "redis", "ssh", "zookeeper"]

HOST = "127.0.0.1"
# How long a server may take until it answers (seconds).
PATIENCE = 40.0
# Folders in which Debian keeps programs that are not on every PATH.
FOLDERS = ["/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]


def program(name: str, package: str) -> str:
    """Return the path of a program; skip the test if it is not installed."""
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS]))
    if path is None:
        pytest.skip(f"needs {name}: apt-get install {package}")
    return path


def accepts(port: int) -> bool:
    """Return whether a server accepts connections there."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def folder(user: str | None = None) -> Iterator[Path]:
    """A new folder that `user` owns. Its path is short, since Unix sockets are created in it."""
    path = Path(tempfile.mkdtemp(prefix="greenrt-"))
    if user is not None:
        shutil.chown(path, user)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def serving(
    command: Sequence[str],
    home: Path,
    ready: Callable[[], bool],
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
    **variables: str,
) -> Iterator[None]:
    """Run a server until the end of the block, then send it the signal `stop`. `ready` says when it serves."""
    log = home / "log"
    with log.open("w") as out:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=home,
            user=user,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C", "HOME": str(home), **variables},
        )
    try:
        give_up = time.monotonic() + PATIENCE
        while not ready():
            if child.poll() is not None or time.monotonic() > give_up:
                pytest.fail(f"{command[0]} does not start ({child.returncode}):\n{log.read_text()}")
            time.sleep(0.05)
        yield
    finally:
        child.send_signal(stop)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _other_than_root(name: str) -> str | None:
    return name if os.geteuid() == 0 else None


@contextmanager
def postgres() -> Iterator[int]:
    """Run PostgreSQL; yield its port. Database and user: postgres, without a password."""
    make, serve, ask = (program(name, "postgresql") for name in ("initdb", "postgres", "pg_isready"))
    user = _other_than_root("postgres")
    (port,) = free_ports(1)
    with folder(user) as home:
        subprocess.run(
            [make, "-D", str(home / "data"), "-A", "trust", "-U", "postgres", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=home,
            user=user,
        )
        command = [serve, "-D", str(home / "data"), "-p", str(port), "-k", str(home), "-h", HOST, "-F"]
        asking = [ask, "-q", "-h", HOST, "-p", str(port)]

        def ready() -> bool:
            return subprocess.run(asking, check=False).returncode == 0

        # After SIGTERM it would wait for statements to end.
        with serving(command, home, ready, user, signal.SIGINT):
            yield port


@contextmanager
def mariadb() -> Iterator[int]:
    """Run MariaDB; yield its port. Any user, without a password; database: test."""
    make, serve = (program(name, "mariadb-server") for name in ("mariadb-install-db", "mariadbd"))
    (port,) = free_ports(1)
    me = getpass.getuser()
    with folder() as home:
        place = ["--no-defaults", f"--datadir={home / 'data'}", f"--user={me}"]
        subprocess.run([make, *place, "--skip-test-db"], check=True, capture_output=True, cwd=home)
        (home / "data" / "test").mkdir()
        command = [serve, *place, f"--port={port}", f"--bind-address={HOST}", f"--socket={home / 'socket'}"]
        log = home / "log"
        # A SIGTERM between the first connection and this line is lost.
        with serving(
            [*command, "--skip-grant-tables"], home, lambda: "ready for connections" in log.read_text()
        ):
            yield port


@contextmanager
def redis() -> Iterator[int]:
    """Run Redis; yield its port."""
    serve = program("redis-server", "redis-server")
    (port,) = free_ports(1)
    with folder() as home:
        command = [serve, "--port", str(port), "--bind", HOST, "--save", "", "--dir", str(home)]
        with serving(command, home, lambda: accepts(port)):
            yield port


@contextmanager
def zookeeper() -> Iterator[int]:
    """Run ZooKeeper; yield its port."""
    java = program("java", "default-jre-headless")
    if not Path("/usr/share/java/zookeeper.jar").exists():
        pytest.skip("needs zookeeper.jar: apt-get install zookeeper")
    (port,) = free_ports(1)
    with folder() as home:
        settings = home / "settings"
        settings.write_text(
            f"tickTime=2000\ndataDir={home}\nclientPort={port}\nclientPortAddress={HOST}\nadmin.enableServer=false\n"
        )
        server = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        with serving([java, "-cp", "/usr/share/java/*", server, str(settings)], home, lambda: accepts(port)):
            yield port


@contextmanager
def rabbitmq() -> Iterator[int]:
    """Run RabbitMQ; yield its port for AMQP 0-9-1. User and password: guest."""
    # The program on PATH is Debian's wrapper, which requires a certain user and certain folders.
    serve = program("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
    mapper = program("epmd", "erlang-base")
    port, names, nodes = free_ports(3)
    with folder() as home:
        variables = {
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(names),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(home / "none"),
            "RABBITMQ_DIST_PORT": str(nodes),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_NODENAME": f"greenrt{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_PID_FILE": str(home / "pid"),
        }
        # A separate port mapper for Erlang, or the broker would start one that outlives it.
        with serving([mapper, "-port", str(names)], home, lambda: accepts(names), **variables):
            with serving([serve], home, lambda: accepts(port), **variables):
                yield port


class Ssh:
    """The data for a login: `port`, `user`, and `key`, the path of a private key."""

    def __init__(self, port: int, key: Path) -> None:
        self.port = port
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.key = key


@contextmanager
def ssh() -> Iterator[Ssh]:
    """Run sshd for the user of the tests; yield the data for a login."""
    serve = program("sshd", "openssh-server")
    make = program("ssh-keygen", "openssh-client")
    (port,) = free_ports(1)
    if os.geteuid() == 0:
        # sshd does not start without this folder; the system's boot scripts create it.
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    with folder() as home:
        for name in ("host", "user"):
            subprocess.run([make, "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)], check=True)
        options = {
            "AuthorizedKeysFile": home / "user.pub",
            "HostKey": home / "host",
            "ListenAddress": f"{HOST}:{port}",
            "MaxSessions": 100,
            "MaxStartups": 100,
            "PermitRootLogin": "yes",
            "PidFile": "none",
            "StrictModes": "no",
            # Otherwise bash assumes that rshd has started it, and reads the user's ~/.bashrc before each command.
            "SetEnv": "SHLVL=2",
            "Subsystem": "sftp internal-sftp",
            "UsePAM": "no",
        }
        (home / "config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
        command = [serve, "-D", "-e", "-f", str(home / "config")]
        with serving(command, home, lambda: accepts(port)):
            yield Ssh(port, home / "user")
