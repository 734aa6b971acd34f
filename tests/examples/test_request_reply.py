"""Request and reply between two threads."""

import re

from example_child import example


def test_no_money_is_made_or_lost() -> None:
    with example("request_reply.py", "--clients", "20", "--moves", "50") as child:
        child.check_clean_end()
        found = re.match(r"(\d+) moves made, (\d+) refused", child.stdout)
        assert found is not None
        assert int(found[1]) + int(found[2]) == 20 * 50
        assert int(found[2]) > 0
        assert child.stdout.splitlines()[1:] == [
            "the accounts hold 10000 of 10000",
            "account 0 has 10000",
            "the bank is closed",
        ]
