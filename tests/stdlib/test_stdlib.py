"""The interpreter's own tests, patched: what passes unpatched must pass patched."""

import pytest
from stdlib import expected, harness
from support.suite_run import PATIENCE


@pytest.mark.stdlib
@pytest.mark.time_limit(1500)
@pytest.mark.parametrize("module", expected.MODULES)
def test_module(module: str) -> None:
    if not harness.have_tests():
        pytest.skip("this interpreter ships without its tests")
    if not harness.has_module(module):
        pytest.skip(f"this version of Python has no test.{module}")
    untried = frozenset(name for name, reason in expected.DIFFERENCES.items() if reason in expected.UNTRIED)
    patience = expected.PATIENCE.get(module, PATIENCE)
    patched, found = harness.differences(module, untried, patience)
    surprises = {name: detail for name, detail in found.items() if name not in expected.DIFFERENCES}
    report = [f"{name}\n{detail}" for name, detail in surprises.items()]
    good = patched.good()
    report += [f"{name} passes: take it out of the table" for name in expected.DIFFERENCES if name in good]
    assert not report, "\n\n".join([f"{len(good)} of {len(patched.tests)} passed", *report])
