"""The unmodified blocking program: it does the same natively and under greenrt."""

from pathlib import Path

import pytest
from example_child import (
    EXAMPLES,
    UNDER_GREENRT,
    Child,
    accept,
    example,
    listen,
    port_of,
    receive_head,
    respond,
    serve_together,
)

PROGRAM = EXAMPLES / "download_all.py"
LAUNCHERS: dict[str, tuple[str, ...]] = {"native": (), "greenrt": UNDER_GREENRT}


def download(launcher: str, port: int, workers: int, requests: int, *options: str | Path) -> Child:
    """Start the program natively or under greenrt."""
    counts = ("--workers", str(workers), "--requests", str(requests))
    return Child(*LAUNCHERS[launcher], PROGRAM, "--url", f"http://127.0.0.1:{port}", *counts, *options)


def test_never_mentions_greenrt() -> None:
    source = PROGRAM.read_text()
    assert "greenrt" not in source
    assert "greenlet" not in source


def test_native_and_green_runs_end_alike() -> None:
    outcomes = []
    with example("slow_server.py", "--delay", "0.05") as server:
        for launcher in LAUNCHERS:
            with download(launcher, server.port(), 20, 60) as program:
                program.check_clean_end()
                outcomes.append((program.process.returncode, program.stdout, program.stderr))
    native, green = outcomes
    # 60 pages "page /N\n": 7 bytes and the digits of N, 10 times one and 50 times two.
    assert native == (0, f"60 of 60 pages downloaded, {60 * 7 + 10 + 50 * 2} bytes\n", "")
    assert green == native


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_each_worker_waits_on_its_own(launcher: str) -> None:
    with listen() as listener, download(launcher, port_of(listener), 40, 80) as program:
        serve_together(listener, 40, b"12345")
        serve_together(listener, 40, b"12345")
        program.check_clean_end()
        assert program.stdout == "80 of 80 pages downloaded, 400 bytes\n"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_failed_requests_are_counted_and_named(launcher: str) -> None:
    with listen() as listener, download(launcher, port_of(listener), 3, 20) as program:
        for _ in range(20):
            connection = accept(listener)
            number = int(receive_head(connection).split()[1].removeprefix(b"/"))
            if number % 2:
                respond(connection, "200 OK", b"12345")
            elif number % 4:
                respond(connection, "503 Service Unavailable", b"")
            else:
                connection.close()  # no answer at all
        program.check_clean_end(exit_code=1)
        assert program.stdout == "10 of 20 pages downloaded, 50 bytes\n"
        assert "... and 5 more failed" in program.stderr


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_nobody_listens(launcher: str) -> None:
    with listen() as listener:
        port = port_of(listener)
    with download(launcher, port, 2, 4) as program:
        program.check_clean_end(exit_code=1)
        assert program.stdout == "0 of 4 pages downloaded, 0 bytes\n"
        assert program.stderr.count("Connection refused") == 4


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_request_without_an_answer_times_out(launcher: str) -> None:
    with listen() as listener, download(launcher, port_of(listener), 2, 2, "--timeout", "0.2") as program:
        program.check_clean_end(exit_code=1)
        assert program.stdout == "0 of 2 pages downloaded, 0 bytes\n"
        assert program.stderr.count("timed out") == 2


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_draws_its_progress_when_asked_to(launcher: str) -> None:
    with example("slow_server.py", "--delay", "0.01") as server:
        with download(launcher, server.port(), 4, 40, "--progress") as program:
            program.check_clean_end()
            drawn = program.stderr.split("\r")
            assert drawn[1].startswith("[" + "." * 40 + "] 0/40 ")
            assert drawn[-1].startswith("[" + "#" * 40 + "] 40/40 ")
            assert program.stderr.endswith(" s\n")


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_ctrl_c_ends_it_in_the_middle(launcher: str) -> None:
    with listen() as listener, download(launcher, port_of(listener), 5, 100, "--progress") as program:
        connections = [accept(listener) for _ in range(5)]
        respond(connections.pop(), "200 OK", b"")
        program.wait_for(" 1/100 ", stream="stderr")
        program.press_ctrl_c()
        program.check_clean_end(exit_code=130)
        assert program.stderr.endswith("\ninterrupted\n")
        assert program.stdout == ""
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_wrong_command_line(launcher: str) -> None:
    with download(launcher, 1, 0, 1) as program:
        assert program.wait() == 2
        assert "0 is not above zero" in program.stderr
