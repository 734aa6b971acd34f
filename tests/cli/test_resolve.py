"""``greenrt resolve``, with the hosts file and a name server of the tests."""

from collections.abc import Iterator

import pytest
from support.fake_name_server import FakeServer

from greenrt.cli.resolve import resolve


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as it:
        yield it


def test_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    assert resolve(["127.1", "localhost"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["127.0.0.1", "STREAM", "127.1"]
    assert [line.split()[1] for line in lines[1:3]] == ["DGRAM", "RAW"]
    assert lines[3].split()[1:] == ["STREAM", "localhost"]


def test_a_name_without_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert resolve(["bad..name", "127.0.0.1"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("greenrt resolve: bad..name: ")
    assert "127.0.0.1" in told.out


def test_the_steps(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert resolve(["--server", server.server, "--trace", "cname.test", "nx.test"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("# ")]
    assert lines[0] == "# hosts /etc/hosts: cname.test: no line"
    assert f"servers {server.server}" in lines[1]
    assert "# dns: ask for AAAA of cname.test" in lines
    assert any(line.startswith("# dns: cname.test -> link0.test -> ") for line in lines)
    assert any("A of 'nx.test': the name does not exist" in line for line in lines)


def test_records(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.zone["mail.test"] = {"MX": ["10 mx.mail.test.", "20 mx2.mail.test."]}
    assert resolve(["--server", server.server, "--type", "mx", "--trace", "mail.test"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"# dns: ask for MX of mail.test; servers {server.server}"
    assert sorted(lines[2:]) == ["mail.test MX 10 mx.mail.test", "mail.test MX 20 mx2.mail.test"]


def test_an_unknown_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert resolve(["--type", "nonsense", "a.test"]) == 1
    assert "is not supported; use one of A, NS" in capsys.readouterr().err
