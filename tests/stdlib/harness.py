"""Runs modules of the interpreter's own test-suite patched, and compares them with unpatched runs."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from support.suite_run import HANG, PASSED, PATIENCE, SKIPPED, Run, Suite

CHILD = Path(__file__).with_name("child.py")
LEFT_OUT = Path(__file__).with_name("left_out")


def suite(module: str, *, patched: bool, left_out: frozenset[str], patience: float) -> Suite:
    """Return the suite of `test.module`."""

    def command(log: Path, wanted: Path) -> list[str]:
        mode = "patched" if patched else "unpatched"
        return [sys.executable, "-W", "ignore", str(CHILD), module, mode, str(log), str(wanted)]

    return Suite(f"test.{module}", command, left_out=left_out, patience=patience)


def differences(
    module: str, left_out: frozenset[str] = frozenset(), patience: float = PATIENCE
) -> tuple[Run, dict[str, str]]:
    """Run `module` patched, and unpatched what failed or was skipped; return what differs, with the detail."""
    patched = suite(module, patched=True, left_out=left_out, patience=patience).run()
    suspects = patched.bad()
    if not suspects:
        return patched, {}
    whole = any(name.split(".")[-1].startswith(("setUp", "tearDown")) or " (" in name for name in suspects)
    unpatched = suite(module, patched=False, left_out=left_out, patience=patience)
    plain = unpatched.run(only=None if whole else suspects)
    found = {}
    for name in sorted(suspects):
        mine, theirs = patched.tests[name], plain.tests.get(name)
        if theirs is None or theirs.outcome == PASSED or (mine.outcome == HANG and theirs.outcome != HANG):
            found[name] = f"{mine.outcome}: {mine.detail}"
    # A test may be skipped because of what an earlier test has left, also unpatched. So it runs by itself here too.
    skipped = {name for name in found if patched.tests[name].outcome == SKIPPED}
    if skipped:
        alone = suite(module, patched=True, left_out=left_out, patience=patience).run(only=skipped)
        for name in skipped & alone.good():
            del found[name]
    return patched, found


def have_tests() -> bool:
    """Tell whether this interpreter ships its own tests."""
    return Path(os.__file__).with_name("test").joinpath("test_socket.py").exists()


def has_module(module: str) -> bool:
    """Tell whether this version of Python has `test.module`, or we have it."""
    return find_spec(f"test.{module}") is not None or LEFT_OUT.joinpath(module + ".py").exists()
