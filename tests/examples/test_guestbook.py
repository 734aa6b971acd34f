"""The guest book from the view of its clients."""

import urllib.error
from pathlib import Path

import pytest
from example_child import LIMIT, example
from support.url_request import request


def ask(port: int, body: bytes | None = None) -> tuple[int, str]:
    return request(f"http://127.0.0.1:{port}/", body, LIMIT)


def test_entries_are_kept_and_sent_in_batches(tmp_path: Path) -> None:
    database = tmp_path / "book.db"
    with example("guestbook.py", "--database", database) as server:
        for number in range(1, 251):
            assert ask(server.port(), f"guest {number} è qui".encode()) == (201, "thank you\n")
        server.press_ctrl_c()
        server.check_clean_end()
    with example("guestbook.py", "--database", database) as server:
        status, text = ask(server.port())
        assert status == 200
        assert text.splitlines() == [f"{number}: guest {number} è qui" for number in range(1, 251)]
        with pytest.raises(urllib.error.HTTPError, match="413"):
            ask(server.port(), b"x" * 10_001)
        server.press_ctrl_c()
        server.check_clean_end()
