"""The pages of the documentation: their examples run, and their links lead somewhere."""

import os
import re
from pathlib import Path

import pytest
from support import pages
from support.child import WARNINGS

# The reasons for which commands on a page are not run.
REASONS = {
    "it installs",
    "it needs a server that is not installed everywhere",
    "it needs root",
}
LINK = re.compile(r"\]\(([^)\s]+)\)")
PAGES = pages.pages()
# tests/inspect/test_troubles.py runs the other one, section by section.
RUNNABLE = [
    page for page in PAGES if pages.examples(page, pages.Shell()) and page != pages.DOCS / "howto/troubles.md"
]


def name(page: Path) -> str:
    return os.path.relpath(page, pages.DOCS)


@pytest.mark.time_limit(150)
@pytest.mark.parametrize("page", RUNNABLE, ids=name)
def test_a_page_runs(page: Path, tmp_path: Path) -> None:
    done = pages.run_apart(page, tmp_path, *WARNINGS)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "block",
    [
        "```python\nassert 1 == 2\n```\n",
        "```console\n$ echo one\ntwo\n```\n",
        "```console\n$ python -c 'while True: print(1); break' &\nlistening\n```\n",
        "```python\nx = 1\n```\n\n```console\n$ false_program\n```\n",
        "```{code-block} python\n:caption: a.py\nimport missing_module\n```\n\n```console\n$ python a.py\n```\n",
    ],
)
def test_a_broken_page_is_caught(block: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{block}")
    folder = tmp_path / "folder"
    folder.mkdir()
    assert pages.run_apart(page, folder, *WARNINGS).returncode != 0


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_that_are_not_run_have_a_reason(page: Path) -> None:
    assert set(pages.unrun(page)) <= REASONS


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files(page: Path) -> None:
    """Sphinx checks links between pages; this also checks links to files that are no pages."""
    links = [link.partition("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []
