"""Ten troubles of programs: what the guide says to type shows the culprit, in a real process."""

import re
from pathlib import Path

import pytest
from support import pages

PAGE = pages.DOCS / "howto/troubles.md"
ROW = re.compile(r"^\| \[(.+)\]\(#(.+)\) \| `(.+)` \| `(.+)` \|$", re.MULTILINE)
INTRODUCTION, *SECTIONS = re.split(r"^(?=## )", PAGE.read_text(), flags=re.MULTILINE)
TROUBLES = ROW.findall(INTRODUCTION)
# The program of this section is used again.
CLIENT = re.search(
    r"^```\{code-block\} python\n:caption: client\.py\n.*?^```$", PAGE.read_text(), re.M | re.S
)


def anchor(section: str) -> str:
    title = section.partition("\n")[0].removeprefix("## ")
    return title.lower().replace(" ", "-")


def test_the_table_has_ten_troubles() -> None:
    assert len(TROUBLES) == 10
    assert [trouble[1] for trouble in TROUBLES] == [anchor(section) for section in SECTIONS]


@pytest.mark.time_limit(90)
@pytest.mark.parametrize(
    ("trouble", "section"),
    list(zip(TROUBLES, SECTIONS, strict=False)),
    ids=[trouble[1] for trouble in TROUBLES],
)
def test_the_culprit_is_named(trouble: tuple[str, ...], section: str, tmp_path: Path) -> None:
    _, _, command, phrase = trouble
    console = section.partition("```console\n")[2].partition("```")[0]
    typed = command.replace("PID", "$!").replace("FILE", "")
    assert f"$ {typed}" in console
    assert phrase in console
    page = tmp_path / "page.md"
    assert CLIENT is not None
    page.write_text(section if CLIENT[0] in section else f"{CLIENT[0]}\n\n{section}")
    folder = tmp_path / "folder"
    folder.mkdir()
    done = pages.run_apart(page, folder)
    assert done.returncode == 0, done.stdout
