"""Compare greenrt's resolver with the C library's, in a network and a file system of its own.

    unshare -mn python tests/dns/glibc_oracle.py SCENARIO DIRECTORY     # a line for each difference, then the counts

Both see the same hosts, resolv.conf, nsswitch.conf, host.conf and gai.conf, which are mounted over those of /etc, and
the same name server: FakeServer at 127.0.0.1:53. Each scenario needs a process: the C library reads some files once.
"""

import _socket
import fcntl
import json
import random
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import dns.rdataset
from glibc_cases import DELIBERATE, HOSTS, NSSWITCH, RESOLV, SCENARIOS, Case, Scenario
from support.fake_name_server import FakeServer

from greenrt.dns.resolvers import new_resolver

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


def prepare(scenario: Scenario, directory: Path) -> None:
    """Set up this process's network and its /etc, with the files in `directory`."""
    run("mount", "--make-rprivate", "/")
    usual = {"hosts": HOSTS, "resolv.conf": RESOLV, "nsswitch.conf": NSSWITCH, "host.conf": "multi on\n"}
    for name, content in {**usual, "gai.conf": "", **scenario.files}.items():
        path = directory / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        run("mount", "--bind", str(path), f"/etc/{name}")
    up(b"lo")
    if scenario.addresses:
        run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
        up(b"veth0")
        up(b"veth1")
    for address in scenario.addresses:
        run("ip", "addr", "add", address, "dev", "veth0", *(["nodad"] if ":" in address else []))


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def up(interface: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH22x", interface, IFF_UP | IFF_RUNNING))


def outcome(functions: Any, case: Case) -> str:
    """Return the result or the error of a call, as text."""
    try:
        return repr(getattr(functions, case[0])(*case[1:]))
    except (OSError, ValueError, TypeError, OverflowError) as error:
        return f"{type(error).__name__}{error.args}"


def reason(case: Case) -> str | None:
    """Return why a difference is deliberate."""
    host = case[1][0] if isinstance(case[1], tuple) else case[1]
    return DELIBERATE.get(host) or (
        DELIBERATE.get(f"{host} by address") if case[0] == "gethostbyaddr" else None
    )


def main() -> None:
    """Run one scenario."""
    scenario = SCENARIOS[sys.argv[1]]
    prepare(scenario, Path(sys.argv[2]))
    # The records of each answer must have a fixed order.
    dns.rdataset.random.shuffle = lambda records: None  # type: ignore[attr-defined]
    assert dns.rdataset.random is random  # type: ignore[attr-defined]
    counts = {"cases": 0, "differences": 0, "deliberate": 0}
    with FakeServer("127.0.0.1", 53):
        resolver = new_resolver(name="ares")
        for case in scenario.cases:
            counts["cases"] += 1
            wanted, got = outcome(_socket, case), outcome(resolver, case)
            if wanted != got and reason(case):
                counts["deliberate"] += 1
            elif wanted != got:
                counts["differences"] += 1
                print(json.dumps([case, wanted, got], default=repr))
        resolver.close()
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
