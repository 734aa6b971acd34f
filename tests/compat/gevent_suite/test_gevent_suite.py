"""gevent's own tests, over greenrt: what passes over gevent passes, but for a table of differences."""

import pytest
from compat.gevent_suite import expected, harness


@pytest.mark.compat
@pytest.mark.time_limit(1500)
@pytest.mark.parametrize("module", harness.modules() or ["none"])
def test_file(module: str) -> None:
    if harness.home() is None:
        pytest.skip("gevent is not installed for this; `make test-compat` does it")
    reason = expected.FILES.get(module)
    if reason is not None:
        pytest.skip(reason)
    ours, found = harness.differences(module)
    known = {name for name in expected.DIFFERENCES if name.split(".")[0] == module}
    report = [
        f"{name}\n{detail}" for name, detail in found.items() if name not in known | expected.UNSTABLE.keys()
    ]
    good = ours.good()
    report += [f"{name} passes: take it out of the table" for name in sorted(known & good)]
    assert not report, "\n\n".join([f"{len(good)} of {len(ours.tests)} passed", *report])
