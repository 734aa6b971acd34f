"""A WSGI application that streams rows of a blocking database, sqlite3.

Each POST adds one entry. GET sends all entries, some at a time, however many there are:

    python examples/guestbook.py --database book.db --port 8000
    curl -d "was here" http://127.0.0.1:8000
    curl http://127.0.0.1:8000
"""

import argparse
import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import greenrt
from greenrt.serve import Limits, WSGIServer

LONGEST = 10_000  # bytes of an entry
BATCH = 100  # entries read from the database at once

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Guestbook:
    """The application. A connection of sqlite3 belongs to one thread, so a thread of its own makes all calls."""

    def __init__(self, path: str) -> None:
        self.database = greenrt.ThreadProxy.make(
            sqlite3.connect, path, isolation_level=None, wrap=(sqlite3.Cursor,)
        )
        self.database.execute("create table if not exists entries (number integer primary key, text text)")

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Add an entry, or send all entries."""
        headers = [("Content-Type", "text/plain; charset=utf-8")]
        if environ["REQUEST_METHOD"] == "POST":
            text = environ["wsgi.input"].read().decode(errors="replace")
            self.database.execute("insert into entries (text) values (?)", (text,))
            start_response("201 Created", headers)
            return [b"thank you\n"]
        start_response("200 OK", headers)
        return self.entries()

    def entries(self) -> Iterator[bytes]:
        """Read as fast as the client does: the next batch is read when this one has been sent."""
        last = 0
        while rows := self.database.execute(
            "select number, text from entries where number > ? order by number limit ?", (last, BATCH)
        ).fetchall():
            last = rows[-1][0]
            yield "".join(f"{number}: {text}\n" for number, text in rows).encode()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A guest book on the web.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free port")
    parser.add_argument(
        "--database", default=":memory:", help="a file; by default the entries are kept in memory"
    )
    options = parser.parse_args()

    server = WSGIServer(("127.0.0.1", options.port), Guestbook(options.database), limits=Limits(body=LONGEST))
    stop = greenrt.Event()
    signal.signal(signal.SIGINT, lambda number, frame: stop.set())

    server.start()
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    stop.wait()
    print("stopping", flush=True)
    server.stop(5.0)


if __name__ == "__main__":
    main()
