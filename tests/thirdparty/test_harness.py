"""The comparison of a suite's two sides finds every kind of difference, and survives hangs and crashes."""

import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.suite_run import CRASH, FAILED, HANG, PASSED, SKIPPED
from thirdparty.harness import Comparison, compare
from thirdparty.libraries import Library

SUITE = """
    import os, signal, socket, time
    from pathlib import Path

    import pytest

    from greenrt.monkey import is_module_patched

    PATCHED = is_module_patched("time")

    def test_passes(): pass
    def test_fails(): assert False
    def test_skips(): pytest.skip("a reason")
    @pytest.mark.xfail
    def test_fails_as_expected(): assert False
    def test_is_left_out(): time.sleep(1000)
    def test_crashes(): os.kill(os.getpid(), signal.SIGKILL)
    def test_after_the_crash(): pass
    def test_hangs_patched():
        if PATCHED: time.sleep(1000)
    def test_fails_patched(): assert not PATCHED
    def test_passes_patched(): assert PATCHED
    def test_first_time_only():
        marker = Path(f"ran {PATCHED}")
        if marker.exists(): assert PATCHED
        marker.touch()
        assert not PATCHED
    @pytest.fixture
    def broken_end():
        yield
        assert not PATCHED
    def test_ends_badly_patched(broken_end): pass
    """


def compared(folder: Path, text: str) -> Comparison:
    """Compare the two sides of a suite of one file."""
    folder.joinpath("test_it.py").write_text(textwrap.dedent(text))
    library = Library(
        "example",
        "1",
        arguments=["test_it.py"],
        left_out={"test_it.py::test_is_left_out": "it hangs"},
        patience=4,
    )
    return compare(SimpleNamespace(library=library, source=folder, python=Path(sys.executable)))


@pytest.mark.time_limit(120)
def test_every_kind_of_difference(tmp_path: Path) -> None:
    found = compared(tmp_path, SUITE)
    assert {name.partition("::")[2]: outcome.outcome for name, outcome in found.patched.tests.items()} == {
        "test_passes": PASSED,
        "test_fails": FAILED,
        "test_skips": SKIPPED,
        "test_fails_as_expected": PASSED,
        "test_crashes": CRASH,
        "test_after_the_crash": PASSED,
        "test_hangs_patched": HANG,
        "test_fails_patched": FAILED,
        "test_passes_patched": PASSED,
        "test_first_time_only": FAILED,
        "test_ends_badly_patched": FAILED,
    }
    assert found.lost.keys() == {
        "test_it.py::test_hangs_patched",
        "test_it.py::test_fails_patched",
        "test_it.py::test_ends_badly_patched",
    }
    assert found.gained.keys() == {"test_it.py::test_passes_patched"}
    assert found.unstable.keys() == {"test_it.py::test_first_time_only"}


def test_file_that_cannot_be_imported_is_lost(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        """
        from greenrt.monkey import is_module_patched
        def test_one(): pass
        assert not is_module_patched("time")
        """,
    )
    assert found.lost == {"test_it.py::test_one": "did not run"}
    assert found.patched.tests["test_it.py"].outcome == FAILED
