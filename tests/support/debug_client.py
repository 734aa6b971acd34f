"""A client of debugpy, which speaks the Debug Adapter Protocol: it counts how often breakpoints are hit."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO, cast

from support.child import environment
from support.ports import free_ports

__all__ = ["count_hits"]

# How long the debugger may take to answer, in seconds.
PATIENCE = 40.0


class Client:
    """The connection to a debugger."""

    def __init__(self, port: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self.stream = cast(BinaryIO, self.socket.makefile("rwb"))
        self.sent = 0

    def send(self, command: str, **arguments: Any) -> None:
        """Send a request."""
        self.sent += 1
        request = {"seq": self.sent, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self.stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.stream.flush()

    def receive(self) -> dict[str, Any]:
        """Return the next message."""
        size = 0
        while line := self.stream.readline().strip():
            size = int(line.partition(b":")[2])
        message: dict[str, Any] = json.loads(self.stream.read(size))
        return message

    def close(self) -> None:
        """End the connection."""
        self.stream.close()
        self.socket.close()


def count_hits(script: Path, line: int, **variables: str) -> int:
    """Run `script` by ``greenrt run`` under debugpy; return how often the breakpoint at `line` is hit."""
    (port,) = free_ports(1)
    debugger = ["-X", "frozen_modules=off", "-m", "debugpy", "--listen", str(port), "--wait-for-client"]
    process = subprocess.Popen(
        [sys.executable, *debugger, "-m", "greenrt", "run", str(script)],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    hits = 0
    try:
        client = Client(port)
        try:
            client.send("initialize", adapterID="tests")
            client.send("attach", justMyCode=False)
            while (message := client.receive()).get("event") != "terminated":
                if message.get("event") == "initialized":
                    client.send("setBreakpoints", source={"path": str(script)}, breakpoints=[{"line": line}])
                    client.send("configurationDone")
                elif message.get("event") == "stopped":
                    hits += 1
                    client.send("continue", threadId=message["body"]["threadId"])
        finally:
            client.close()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
    return hits
