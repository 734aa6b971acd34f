"""The demo: its table, its limits and, above all, that it leaves no process behind."""

import os
import re
import signal
from pathlib import Path

import pytest
from example_child import EXAMPLES, Child, wait_until_refused

DEMO = EXAMPLES / "demo.py"
LONG_RUN = ("--few", "2", "--requests", "100000", "--progress")


def server_port(demo: Child) -> int:
    """Wait until the first run has started; return the port of the demo's server."""
    port = int(demo.wait_for(r"--url http://127\.0\.0\.1:(\d+) ")[1])
    demo.wait_for(r"[1-9]\d*/100000 ", stream="stderr")
    return port


def rows_of(table: str) -> dict[str, list[str]]:
    """Return the table's rows: the name of each run, and its cells."""
    rows = (re.split(r"\s{2,}", line) for line in table.splitlines() if re.search(r" workers\s.*MiB", line))
    return {name: cells for name, *cells in rows}


def test_quick_prints_the_table() -> None:
    with Child(DEMO, "--quick") as demo:
        demo.check_clean_end()
        output = demo.stdout
    assert re.search(r"time +native threads +peak memory +context switches +CPU time\n", output), output
    rows = rows_of(output)
    assert list(rows) == ["native, 8 workers", "native, 60 workers", "greenrt, 60 workers"]
    assert {len(cells) for cells in rows.values()} == {5}
    assert output.count("120 of 120 pages downloaded") == 3
    assert "Patching does not change N: it makes a large N cheap." in output
    # Only the order is checked, not the figures: greenlets replace threads.
    assert int(rows["greenrt, 60 workers"][1]) < int(rows["native, 60 workers"][1])


def test_raises_the_limit_on_open_files() -> None:
    with Child(DEMO, "--quick", shell="ulimit -S -n 100") as demo:
        demo.check_clean_end()
        assert "limit on open files raised from 100 to 124\n" in demo.stdout
        assert "native, 60 workers" in rows_of(demo.stdout)


def test_says_when_the_limit_cannot_be_raised() -> None:
    with Child(DEMO, "--quick", shell="ulimit -n 100") as demo:
        demo.check_clean_end()
        assert "the hard limit is 100 (see 'ulimit -Hn'); going on with 36 workers" in demo.stdout
        assert "native, 36 workers" in rows_of(demo.stdout)


def test_says_when_the_limit_leaves_no_worker() -> None:
    with Child(DEMO, "--quick", shell="ulimit -n 50") as demo:
        demo.check_clean_end(exit_code=1)
        assert "the hard limit on open files, 50, is too low" in demo.stderr


def test_says_when_greenrt_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "greenrt.py").write_text("raise ImportError('out of order')\n")
    with Child(DEMO, "--quick", shell=f"PYTHONPATH='{tmp_path}'; export PYTHONPATH") as demo:
        demo.check_clean_end(exit_code=1)
        assert "greenrt cannot be imported by" in demo.stderr
        assert "ImportError: out of order (try 'make demo')" in demo.stderr


def test_ctrl_c_ends_everything() -> None:
    with Child(DEMO, *LONG_RUN) as demo:
        port = server_port(demo)
        demo.press_ctrl_c()
        demo.check_clean_end(exit_code=130)
        assert "demo: interrupted" in demo.stderr
    wait_until_refused(port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_demo_alone_ends_everything(number: signal.Signals) -> None:
    with Child(DEMO, *LONG_RUN) as demo:
        port = server_port(demo)
        demo.signal(number)
        demo.check_clean_end(exit_code=130)
        wait_until_refused(port)
        with pytest.raises(ProcessLookupError):
            os.killpg(demo.process.pid, 0)  # its process group has ended


def test_the_server_ends_with_a_killed_demo() -> None:
    with Child(DEMO, *LONG_RUN) as demo:
        port = server_port(demo)
        demo.signal(signal.SIGKILL)
        wait_until_refused(port)
