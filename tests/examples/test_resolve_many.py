"""Many names at once, from the hosts file and numeric ones: no name server is needed."""

from pathlib import Path

from example_child import example


def test_resolves_all_in_order(tmp_path: Path) -> None:
    names = [f"127.0.0.{number % 250 + 1}" for number in range(999)] + ["localhost"]
    (tmp_path / "names").write_text("\n".join([*names, ""]))
    with example("resolve_many.py", str(tmp_path / "names")) as lookups:
        lookups.check_clean_end()
        lines = lookups.stdout.splitlines()
        assert [line.split()[0] for line in lines] == names
        assert all(len(line.split()) > 1 for line in lines)
        assert "1000/1000, 0 failed" in lookups.stderr


def test_says_what_failed(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("127.0.0.1\n-bad-name\na..b\n")
    with example("resolve_many.py", str(tmp_path / "names")) as lookups:
        lookups.check_clean_end(exit_code=1)
        assert lookups.stdout == "127.0.0.1 127.0.0.1\n"
        assert "3/3, 2 failed" in lookups.stderr
        assert "1 names: Name or service not known" in lookups.stderr
