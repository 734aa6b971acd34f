"""All interleavings of posts, finalizers, breaks and a close, on a model with the steps of the code."""

import pytest
from support.protocol import BUGS, Scenario, Violation, search

SCENARIOS = {
    "posts": Scenario((("post", "post"), ("post",))),
    "posts and a break": Scenario((("post",), ("break",), ("post",))),
    "a post and a close": Scenario((("post", "post"), ("close",))),
    "a finalizer and a close": Scenario((("final",), ("close",)), chain=True),
    "two closes": Scenario((("close",), ("close",))),
    "all": Scenario((("post", "final"), ("break", "close"))),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_interleaving(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    states, schedules = search(SCENARIOS[name])
    with capsys.disabled():
        print(f"\n    {name}: {schedules:,} schedules through {states:,} states", end="")
    assert schedules > 100_000


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_found(bug: str) -> None:
    name, report = BUGS[bug]
    scenario = SCENARIOS[name]
    with pytest.raises(Violation, match=report):
        search(Scenario(scenario.threads, scenario.chain, bug))
